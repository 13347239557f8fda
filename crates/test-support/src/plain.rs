//! A guest of the plain ABI as WebAssembly text, wrapped as the compiler wraps it.

use extensions_compiler_core::{Expected, check};

use crate::guest::{HELPERS, texts};

/// Imports by the names that call for them.
const IMPORTS: [(&str, &str); 3] = [
    ("$host_log", "(import \"env\" \"host_log\" (func $host_log (param $level i32) (param $ptr i32) (param $len i32)))"),
    ("$host_context", "(import \"env\" \"host_context\" (func $host_context (result i64)))"),
    ("$host_call", "(import \"env\" \"host_call\" (func $host_call (param $ptr i32) (param $len i32) (result i64)))"),
];

/// A pair as the ABI passes it, and back.
const PAIRS: &str = "(func $pair (param $ptr i32) (param $len i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32)) (i64.extend_i32_u (local.get $len))))
  (func $parts (param $pair i64) (result i32 i32)
    (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32))) (i32.wrap_i64 (local.get $pair)))";

/// A guest in the making. Its body sees the input as `$ptr` and `$len` and
/// leaves an i64. Functions that it may call:
/// - `$pair ptr len`, and `$parts i64`, its reverse
/// - `$host_log level ptr len`, `$host_context`, `$host_call ptr len`: imports, only there when named
/// - `$put ptr len`, `$written`: builds a text
#[derive(Debug, Clone)]
pub struct PlainGuest {
    memory: String,
    alloc: String,
    texts: Vec<(String, Vec<u8>)>,
    fields: String,
    body: String,
}

impl PlainGuest {
    /// A guest whose `run` has `body`.
    #[must_use]
    pub fn new(body: &str) -> Self {
        let alloc = "(call $bump (i32.const 1) (local.get $len))".to_owned();
        Self { memory: "2".to_owned(), alloc, texts: Vec::new(), fields: String::new(), body: body.to_owned() }
    }

    /// A guest that answers with these bytes.
    #[must_use]
    pub fn answering(answer: impl AsRef<[u8]>) -> Self {
        Self::new("(call $pair (call $answer))").text("answer", answer)
    }

    /// Bytes in memory; `(call $name)` gives their pointer and length.
    #[must_use]
    pub fn text(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.texts.push((name.to_owned(), bytes.as_ref().to_vec()));
        self
    }

    /// More fields of the module.
    #[must_use]
    pub fn fields(mut self, wat: &str) -> Self {
        self.fields.push_str(wat);
        self
    }

    /// The memory's limits in pages.
    #[must_use]
    pub fn memory(mut self, limits: &str) -> Self {
        limits.clone_into(&mut self.memory);
        self
    }

    /// Another body for `alloc`, which has `$len`.
    #[must_use]
    pub fn alloc(mut self, body: &str) -> Self {
        body.clone_into(&mut self.alloc);
        self
    }

    /// The module's text.
    #[must_use]
    pub fn wat(&self) -> String {
        let Self { memory, alloc, fields, body, .. } = self;
        let code = format!("{fields}{body}{alloc}");
        let imports: String = IMPORTS.iter().filter(|import| code.contains(import.0)).map(|import| import.1).collect();
        format!(
            "(module {imports} (memory (export \"memory\") {memory}) {HELPERS} {PAIRS} {} {fields}
             (func $alloc (export \"alloc\") (param $len i32) (result i32) {alloc})
             (func (export \"dealloc\") (param i32 i32))
             (func $run (export \"run\") (param $ptr i32) (param $len i32) (result i64) {body}))",
            texts(&self.texts)
        )
    }

    /// The component of world `plain`.
    ///
    /// # Panics
    /// When the module is refused.
    #[must_use]
    pub fn component(&self) -> Vec<u8> {
        wrapped(&self.wat())
    }
}

/// The component of a plain module in text.
///
/// # Panics
/// When the text is no module, or the module is refused.
#[must_use]
pub fn wrapped(wat: &str) -> Vec<u8> {
    let module = wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}\n{wat}"));
    let report = check(&module, Expected { host_calls: true, ..Expected::default() });
    report.component.unwrap_or_else(|| panic!("{:?}\n{wat}", report.findings))
}
