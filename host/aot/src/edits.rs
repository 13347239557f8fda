//! Changes by chance to code that is kept, for tests of what is refused.

use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Cut(usize),
    Insert(usize, Vec<u8>),
    Overwrite(usize, Vec<u8>),
    Swap(usize, usize),
    Append(Vec<u8>),
}

pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let bytes = || proptest::collection::vec(any::<u8>(), 1..40);
    prop_oneof![
        any::<usize>().prop_map(Edit::Cut),
        (any::<usize>(), bytes()).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (any::<usize>(), bytes()).prop_map(|(at, bytes)| Edit::Overwrite(at, bytes)),
        (any::<usize>(), any::<usize>()).prop_map(|(one, other)| Edit::Swap(one, other)),
        bytes().prop_map(Edit::Append),
    ]
}

pub(crate) fn edited(mut object: Vec<u8>, edit: Edit) -> Vec<u8> {
    let length = object.len().max(1);
    match edit {
        Edit::Cut(at) => object.truncate(at % length),
        Edit::Insert(at, bytes) => drop(object.splice(at % length..at % length, bytes)),
        Edit::Overwrite(at, bytes) => object.iter_mut().skip(at % length).zip(bytes).for_each(|(old, new)| *old = new),
        Edit::Swap(one, other) if !object.is_empty() => object.swap(one % length, other % length),
        Edit::Swap(..) => {}
        Edit::Append(bytes) => object.extend(bytes),
    }
    object
}
