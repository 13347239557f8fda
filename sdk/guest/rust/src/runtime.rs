//! The one piece of runtime that the generated bindings name: a block for a lowered list.

use std::alloc::{Layout, alloc, handle_alloc_error};

/// Frees what was lowered for an import once its call is over. Exports hand
/// their lists to the caller, so nothing is ever freed here.
pub(crate) struct Cleanup;

impl Cleanup {
    pub(crate) fn new(layout: Layout) -> (*mut u8, Option<Self>) {
        if layout.size() == 0 {
            return (std::ptr::null_mut(), None);
        }
        // SAFETY: the layout is not empty.
        let block = unsafe { alloc(layout) };
        if block.is_null() {
            handle_alloc_error(layout);
        }
        (block, Some(Self))
    }

    pub(crate) fn forget(self) {}
}
