//! The compact memory layout: a bump arena in static memory, a real allocator beyond it.
//!
//! An instance answers one call and is thrown away, so freeing is mostly
//! pointless, and growing memory costs the host system calls. A small rule
//! stays inside the arena, never grows its memory, and its whole memory fits
//! the window that a host resets without a system call. Handing memory back
//! works only for the block allocated last, which is what growing lists and
//! texts need.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::{Cell, UnsafeCell},
};

/// The arena's size: with 64 KiB of stack before it and up to 24 KiB of the
/// code's own data, a guest starts with 128 KiB. Resetting them is a fifth of
/// a small call's cost, so a page more is felt.
#[cfg(target_arch = "wasm32")]
const ARENA_BYTES: usize = 40 << 10;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: Arena<ARENA_BYTES> = Arena::new();

/// Serves from its own `N` bytes while they last, then from [`System`].
#[repr(C, align(16))]
#[derive(Debug)]
pub(crate) struct Arena<const N: usize> {
    bytes: UnsafeCell<[u8; N]>,
    used: Cell<usize>,
}

// SAFETY: wasm32-unknown-unknown without atomics has one thread only.
#[cfg(target_arch = "wasm32")]
unsafe impl<const N: usize> Sync for Arena<N> {}

impl<const N: usize> Arena<N> {
    #[allow(dead_code, reason = "outside of wasm32 only tests make one")]
    pub(crate) const fn new() -> Self {
        Self { bytes: UnsafeCell::new([0; N]), used: Cell::new(0) }
    }

    fn base(&self) -> *mut u8 {
        self.bytes.get().cast()
    }

    /// Where `ptr` lies in the arena, if it does.
    fn offset(&self, ptr: *mut u8) -> Option<usize> {
        let offset = (ptr as usize).wrapping_sub(self.base() as usize);
        (offset < N).then_some(offset)
    }

    /// The offset of a new block, if the arena has room for it.
    fn bump(&self, layout: Layout) -> Option<usize> {
        let base = self.base() as usize;
        let start = (base + self.used.get()).next_multiple_of(layout.align()) - base;
        let end = start.checked_add(layout.size()).filter(|&end| end <= N)?;
        self.used.set(end);
        // A block without bytes at the very end would not be told from foreign memory.
        (start < N).then_some(start)
    }
}

// SAFETY: blocks of the arena never overlap (`used` only moves past a new
// block, and back only over the block that ends there), are aligned by `bump`,
// and are told from System's by their address.
unsafe impl<const N: usize> GlobalAlloc for Arena<N> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.bump(layout) {
            // SAFETY: the offset is below N.
            Some(offset) => unsafe { self.base().add(offset) },
            // SAFETY: the caller's contract is System's.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        match self.offset(ptr) {
            Some(offset) if offset + layout.size() == self.used.get() => self.used.set(offset),
            Some(_) => {}
            // SAFETY: not ours, so System allocated it.
            None => unsafe { System.dealloc(ptr, layout) },
        }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some(offset) = self.offset(ptr) else {
            // SAFETY: not ours, so System allocated it.
            return unsafe { System.realloc(ptr, layout, new_size) };
        };
        let last = offset + layout.size() == self.used.get();
        if last && offset.checked_add(new_size).is_some_and(|end| end <= N) {
            self.used.set(offset + new_size);
            return ptr;
        }
        if new_size <= layout.size() {
            return ptr;
        }
        // SAFETY: the caller guarantees that `new_size` with this alignment is a layout.
        let grown = unsafe { self.alloc(Layout::from_size_align_unchecked(new_size, layout.align())) };
        if !grown.is_null() {
            // SAFETY: both blocks hold the old size, and a new block overlaps no live one.
            unsafe { grown.copy_from_nonoverlapping(ptr, layout.size()) };
        }
        grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn blocks_are_aligned_and_apart() {
        let arena = Arena::<256>::new();
        // SAFETY: layouts are not empty, blocks are not used after this test.
        let (one, two) = unsafe { (arena.alloc(layout(3, 1)), arena.alloc(layout(16, 16))) };
        assert_eq!(two as usize % 16, 0);
        assert!(two as usize >= one as usize + 3);
        assert!(arena.offset(one).is_some() && arena.offset(two).is_some());
    }

    #[test]
    fn the_last_block_grows_and_goes_in_place() {
        let arena = Arena::<256>::new();
        // SAFETY: each block is used with the layout that it has at that time.
        unsafe {
            let block = arena.alloc(layout(8, 8));
            block.write_bytes(7, 8);
            assert_eq!(arena.realloc(block, layout(8, 8), 64), block);
            assert_eq!(arena.used.get(), 64);
            let second = arena.alloc(layout(8, 8));
            let moved = arena.realloc(block, layout(64, 8), 80);
            assert_ne!(moved, block);
            assert_eq!(moved.read(), 7);
            arena.dealloc(moved, layout(80, 8));
            arena.dealloc(second, layout(8, 8));
            assert_eq!(arena.used.get(), 64);
        }
    }

    #[test]
    fn beyond_the_arena_the_system_serves() {
        let arena = Arena::<64>::new();
        // SAFETY: each block is freed with the layout that it has at that time.
        unsafe {
            let inside = arena.alloc(layout(32, 8));
            inside.write_bytes(9, 32);
            let outside = arena.realloc(inside, layout(32, 8), 4096);
            assert!(arena.offset(outside).is_none());
            assert_eq!(outside.add(31).read(), 9);
            let outside = arena.realloc(outside, layout(4096, 8), 8192);
            arena.dealloc(outside, layout(8192, 8));
            let zeroed = arena.alloc_zeroed(layout(16, 8));
            assert_eq!(zeroed.read(), 0);
        }
    }

    #[test]
    fn reused_bytes_are_zeroed_when_asked() {
        let arena = Arena::<64>::new();
        // SAFETY: each block is freed with its own layout.
        unsafe {
            let block = arena.alloc(layout(16, 8));
            block.write_bytes(1, 16);
            arena.dealloc(block, layout(16, 8));
            let again = arena.alloc_zeroed(layout(16, 8));
            assert_eq!((again, again.read()), (block, 0));
        }
    }
}
