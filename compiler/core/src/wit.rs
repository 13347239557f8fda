//! A component's surface as WIT text, for people who compare two of them.

use wit_component::{OutputToString, WitPrinter};

use crate::guard::guarded;

/// The text is cut here: a surface of ours has 2 KiB.
const WIT_BYTES_MAX: usize = 64 << 10;

/// The world that `component` implements, as WIT without comments; none when
/// the bytes are no component that can be read.
#[must_use]
pub fn wit(component: &[u8]) -> Option<String> {
    let mut text = guarded(|| print(component))??;
    text.truncate(text.floor_char_boundary(WIT_BYTES_MAX));
    Some(text)
}

fn print(component: &[u8]) -> Option<String> {
    let decoded = wit_component::decode(component).ok()?;
    let others: Vec<_> = decoded.resolve().packages.iter().map(|(id, _)| id).filter(|id| *id != decoded.package()).collect();
    let mut printer: WitPrinter<OutputToString> = WitPrinter::default();
    printer.emit_docs(false).print(decoded.resolve(), decoded.package(), &others).ok()?;
    Some(printer.output.into())
}
