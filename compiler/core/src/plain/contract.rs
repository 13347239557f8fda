//! What a module of the plain ABI must export and may import, compared by type.

use std::fmt::Write as _;

use wasmparser::{ExternalKind, FuncType, Parser, Payload, TypeRef, ValType};

use super::IMPORTS;
use crate::{
    finding::{Code, Finding, Step},
    imports,
};

/// A function of the contract: its name, parameters and results.
struct Wanted {
    name: &'static str,
    parameters: &'static [ValType],
    results: &'static [ValType],
}

const fn wanted(name: &'static str, parameters: &'static [ValType], results: &'static [ValType]) -> Wanted {
    Wanted { name, parameters, results }
}

const MEMORY: &str = "memory";
const I32: ValType = ValType::I32;
const I64: ValType = ValType::I64;
const EXPORTS: [Wanted; 3] = [wanted("alloc", &[I32], &[I32]), wanted("dealloc", &[I32, I32], &[]), wanted("run", &[I32, I32], &[I64])];
const LOG: Wanted = wanted("host_log", &[I32, I32, I32], &[]);
const CONTEXT: Wanted = wanted("host_context", &[], &[I64]);
const CALL: Wanted = wanted("host_call", &[I32, I32], &[I64]);
/// Runs once before anything else, where a toolchain makes one.
pub(super) const INITIALIZE: &str = "_initialize";
/// What the component still needs of the module once it is wrapped.
pub(super) const NEEDED: [&str; 4] = [MEMORY, "alloc", "run", INITIALIZE];

/// The host functions that a module imports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) log: bool,
    pub(super) context: bool,
    pub(super) call: bool,
}

/// A module's functions by type, and its borders.
#[derive(Default)]
struct Shape<'m> {
    types: Vec<FuncType>,
    functions: Vec<u32>,
    imports: Vec<(&'m str, &'m str, TypeRef)>,
    exports: Vec<(&'m str, ExternalKind, u32)>,
}

/// Which host functions a module uses, if it keeps to the contract.
///
/// # Errors
/// Every deviation.
pub(super) fn check(module: &[u8]) -> Result<Used, Vec<Finding>> {
    let shape = Shape::of(module);
    let mut findings = Vec::new();
    if !shape.exports.iter().any(|&(name, kind, _)| name == MEMORY && kind == ExternalKind::Memory) {
        findings.push(missing(MEMORY, "its memory"));
    }
    for wanted in &EXPORTS {
        findings.extend(shape.export(wanted));
    }
    findings.extend(shape.initialize());
    let mut used = Used::default();
    for (module, name, _) in shape.imports.iter().filter(|import| import.0 != IMPORTS) {
        findings.push(imports::unknown(Step::Componentize, &format!("{module}.{name}")));
    }
    for &(_, name, ty) in shape.imports.iter().filter(|import| import.0 == IMPORTS) {
        let (wanted, seen) = match name {
            "host_log" => (&LOG, &mut used.log),
            "host_context" => (&CONTEXT, &mut used.context),
            "host_call" => (&CALL, &mut used.call),
            _ => {
                findings.push(foreign(name, ty));
                continue;
            }
        };
        *seen = true;
        findings.extend(shape.import(wanted, ty));
    }
    if findings.is_empty() { Ok(used) } else { Err(findings) }
}

impl<'m> Shape<'m> {
    /// What a valid module has; nothing more of another.
    fn of(module: &'m [u8]) -> Self {
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
            match payload {
                Payload::TypeSection(section) => shape.types.extend(section.into_iter_err_on_gc_types().map_while(Result::ok)),
                Payload::ImportSection(section) => {
                    for import in section.into_imports().map_while(Result::ok) {
                        if let TypeRef::Func(ty) = import.ty {
                            shape.functions.push(ty);
                        }
                        shape.imports.push((import.module, import.name, import.ty));
                    }
                }
                Payload::FunctionSection(section) => shape.functions.extend(section.into_iter().map_while(Result::ok)),
                Payload::ExportSection(section) => {
                    shape.exports.extend(section.into_iter().map_while(Result::ok).map(|export| (export.name, export.kind, export.index)));
                }
                _ => {}
            }
        }
        shape
    }

    fn type_of(&self, function: u32) -> Option<&FuncType> {
        self.types.get(*self.functions.get(function as usize)? as usize)
    }

    /// Why an export does not fit, if it does not.
    fn export(&self, wanted: &Wanted) -> Option<Finding> {
        match self.exports.iter().find(|export| export.0 == wanted.name) {
            None => Some(missing(wanted.name, &format!("a function {wanted}"))),
            Some((_, ExternalKind::Func, index)) => {
                let got = self.type_of(*index)?;
                (!wanted.fits(got)).then(|| mismatch(format!("export {}", wanted.name), wanted, &words(got.params(), got.results())))
            }
            Some(_) => Some(mismatch(format!("export {}", wanted.name), wanted, "no function")),
        }
    }

    fn initialize(&self) -> Option<Finding> {
        self.exports.iter().any(|export| export.0 == INITIALIZE).then(|| self.export(&wanted(INITIALIZE, &[], &[])))?
    }

    fn import(&self, wanted: &Wanted, ty: TypeRef) -> Option<Finding> {
        let place = format!("import {IMPORTS}.{}", wanted.name);
        let TypeRef::Func(ty) = ty else { return Some(mismatch(place, wanted, "no function")) };
        let got = self.types.get(ty as usize)?;
        (!wanted.fits(got)).then(|| mismatch(place, wanted, &words(got.params(), got.results())))
    }
}

impl Wanted {
    fn fits(&self, ty: &FuncType) -> bool {
        ty.params() == self.parameters && ty.results() == self.results
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&words(self.parameters, self.results))
    }
}

/// A signature as people write it: `(i32, i32) -> i64`.
fn words(parameters: &[ValType], results: &[ValType]) -> String {
    let list = |types: &[ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut text = format!("({})", list(parameters));
    match results {
        [] => {}
        // Writing to a string does not fail.
        [one] => drop(write!(text, " -> {one}")),
        many => drop(write!(text, " -> ({})", list(many))),
    }
    text
}

fn missing(name: &str, what: &str) -> Finding {
    let message = format!("the plain ABI asks for the export `{name}`, which is not there");
    Finding::new(Step::Componentize, Code::MissingExport, message, format!("export `{name}`, {what}, as docs/abi.md says"))
        .at(format!("export {name}"))
}

fn mismatch(place: String, wanted: &Wanted, got: &str) -> Finding {
    let message = format!("`{}` is {got}; the plain ABI asks for {wanted}", wanted.name);
    Finding::new(Step::Componentize, Code::TypeMismatch, message, "declare it as docs/abi.md says").at(place)
}

/// An import of `env` that is none of the three.
fn foreign(name: &str, ty: TypeRef) -> Finding {
    let finding = imports::unknown(Step::Componentize, &format!("{IMPORTS}.{name}"));
    let remedy = match ty {
        TypeRef::Memory(_) => "a module of the plain ABI defines its memory itself and exports it: leave out --import-memory",
        TypeRef::Table(_) => "define the table in the module: leave out --import-table",
        TypeRef::Func(_) if name == "abort" => "compile AssemblyScript with --use abort= or with our SDK, which brings its own",
        _ => "the plain ABI has env.host_log, env.host_context and env.host_call; link what else is needed, or leave it out",
    };
    Finding { remedy: remedy.to_owned(), ..finding }
}
