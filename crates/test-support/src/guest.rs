//! A guest as WebAssembly text: the template around the body of one function.
//!
//! The template brings what the canonical ABI asks of a module: a memory, a
//! bump allocator, return areas. A body sees `$point`/`$input` as pointers with
//! `_len` beside them, and leaves a pointer to its result.

use std::fmt::Write as _;

use extensions_types::Kind;

use crate::components::{WIT, of_module};

pub(crate) const HELPERS: &str = include_str!("guest.wat");
const REALLOC: &str = "(call $bump (local.get $align) (local.get $len))";
/// Named texts lie from here on, below the output buffer of `guest.wat`.
const TEXTS_AT: usize = 4096;
const TEXTS_END: usize = 32_768;

/// A guest in the making. Functions that a body may call:
/// - `$ok ptr len`, `$fail which ptr len` (0 rejected, 1 invalid input, 2 failed): the result
/// - `$log ptr len`, `$current retptr`, `$host_call …`: imports, only there when named
/// - `$put ptr len`, `$put_number i64`, `$written`: builds a text
/// - `$number i64`: the text `{"n":…}`
#[derive(Debug, Clone)]
pub struct Guest {
    kind: Kind,
    memory: String,
    realloc: String,
    texts: Vec<(String, Vec<u8>)>,
    fields: String,
    body: String,
}

impl Guest {
    /// A guest whose exported function has `body`.
    #[must_use]
    pub fn new(kind: Kind, body: &str) -> Self {
        Self { kind, memory: "2".to_owned(), realloc: REALLOC.to_owned(), texts: Vec::new(), fields: String::new(), body: body.to_owned() }
    }

    /// A guest that answers with `json`: a process hook's object, a tool's
    /// result, a domain hook's derived fields.
    #[must_use]
    pub fn answering(kind: Kind, json: impl AsRef<[u8]>) -> Self {
        Self::new(kind, "(call $ok (call $answer))").text("answer", json)
    }

    /// A guest that ends with hook-error number `which` and `message`.
    #[must_use]
    pub fn failing(kind: Kind, which: u8, message: impl AsRef<[u8]>) -> Self {
        Self::new(kind, &format!("(call $fail (i32.const {which}) (call $message))")).text("message", message)
    }

    /// Bytes in memory; `(call $name)` gives their pointer and length.
    #[must_use]
    pub fn text(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.texts.push((name.to_owned(), bytes.as_ref().to_vec()));
        self
    }

    /// More fields of the module: globals, tables, functions, a start function.
    #[must_use]
    pub fn fields(mut self, wat: &str) -> Self {
        self.fields.push_str(wat);
        self
    }

    /// The memory's limits in pages: `2`, or `2 16`.
    #[must_use]
    pub fn memory(mut self, limits: &str) -> Self {
        limits.clone_into(&mut self.memory);
        self
    }

    /// Another body for `cabi_realloc`, which has `$old`, `$old_len`, `$align` and `$len`.
    #[must_use]
    pub fn realloc(mut self, body: &str) -> Self {
        body.clone_into(&mut self.realloc);
        self
    }

    /// The component.
    #[must_use]
    pub fn component(&self) -> Vec<u8> {
        of_module(WIT, self.kind.world(), &self.wat())
    }

    /// The module's text.
    #[must_use]
    pub fn wat(&self) -> String {
        let texts = texts(&self.texts);
        let code = format!("{}{}{}", self.fields, self.body, self.realloc);
        let imports: String = IMPORTS.iter().filter(|import| code.contains(import.0)).map(|import| import.1).collect();
        let log = if code.contains("$log ") { LOG } else { "" };
        let (answer, export) = self.world();
        format!(
            "(module {imports} (memory (export \"memory\") {}) {HELPERS} {texts} {log} {answer} {}
             (func (export \"cabi_realloc\") (param $old i32) (param $old_len i32) (param $align i32) (param $len i32) (result i32) {})
             {export} {}))",
            self.memory, self.fields, self.realloc, self.body
        )
    }

    /// `$ok` of the world, and the head of its exported function.
    fn world(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::ProcessHook => {
                (OK_LIST, "(func (export \"run\") (param $point i32) (param $point_len i32) (param $input i32) (param $input_len i32) (result i32)")
            }
            Kind::DomainHook => (
                OK_VERDICT,
                "(func (export \"evaluate\") (param $point i32) (param $point_len i32) (param $input i32) (param $input_len i32) (result i32)",
            ),
            Kind::AgentTool => (OK_TOOL, "(func (export \"call\") (param $input i32) (param $input_len i32) (result i32)"),
        }
    }
}

/// Named bytes as data, and for each a function that gives their place.
pub(crate) fn texts(named: &[(String, Vec<u8>)]) -> String {
    let mut texts = String::new();
    let mut at = TEXTS_AT;
    for (name, bytes) in named {
        let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        write!(texts, "(data (i32.const {at}) \"{escaped}\")").unwrap();
        write!(texts, "(func ${name} (result i32 i32) (i32.const {at}) (i32.const {}))", bytes.len()).unwrap();
        at += bytes.len().next_multiple_of(8);
    }
    assert!(at <= TEXTS_END, "texts of a guest reach {at}, beyond {TEXTS_END}");
    texts
}

/// Imports by the names that call for them.
const IMPORTS: [(&str, &str); 3] = [
    ("$log ", "(import \"ameide:extensions/logging@1.0.0\" \"log\" (func $log_at (param i32 i32 i32)))"),
    ("$current ", "(import \"ameide:extensions/context@1.0.0\" \"current\" (func $current (param i32)))"),
    ("$host_call ", "(import \"ameide:extensions/host-calls@1.0.0\" \"call\" (func $host_call (param i32 i32 i32 i32 i32 i32 i32)))"),
];
const LOG: &str = "(func $log (param $ptr i32) (param $len i32) (call $log_at (i32.const 2) (local.get $ptr) (local.get $len)))";

/// `result<list<u8>, hook-error>` at 16.
const OK_LIST: &str = "(func $ok (param $ptr i32) (param $len i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.store (i32.const 20) (local.get $ptr))
    (i32.store (i32.const 24) (local.get $len))
    (i32.const 16))";
/// `result<verdict, hook-error>` at 16: ok, without messages.
const OK_VERDICT: &str = "(func $ok (param $ptr i32) (param $len i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.store8 (i32.const 20) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 0))
    (i32.store (i32.const 32) (local.get $ptr))
    (i32.store (i32.const 36) (local.get $len))
    (i32.const 16))";
/// As a list, and a description of the tool.
const OK_TOOL: &str = "(func $ok (param $ptr i32) (param $len i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.store (i32.const 20) (local.get $ptr))
    (i32.store (i32.const 24) (local.get $len))
    (i32.const 16))
  (data (i32.const 512) \"tool{}\")
  (data (i32.const 544) \"\\00\\02\\00\\00\\04\\00\\00\\00\\00\\02\\00\\00\\04\\00\\00\\00\\04\\02\\00\\00\\02\\00\\00\\00\\04\\02\\00\\00\\02\\00\\00\\00\")
  (func (export \"describe\") (result i32) (i32.const 544))";
