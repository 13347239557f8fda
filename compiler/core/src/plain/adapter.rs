//! The adapter: a core module between a plain module and world `plain`.
//!
//! It has no memory, no table, no globals and no data. Results of the host come
//! back through a pair (pointer, length) in the guest's own memory; the room
//! for it comes from the guest's `alloc`. The guest's answer goes out through
//! such a pair too, which may lie anywhere: an instance answers once, and no
//! code of the guest runs after that.

use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection, InstructionSink, MemArg, MemoryType,
    Module, NameMap, NameSection, TypeSection, ValType,
};
use wit_component::{StringEncoding, embed_component_metadata};

use super::{IMPORTS, contract::Used};
use crate::worlds::Worlds;

/// What the encoder calls the module that is adapted.
const MAIN: &str = "__main_module__";
/// A pair of pointer and length.
const PAIR_BYTES: u64 = 8;
/// The canonical ABI wants the pair aligned; `alloc` promises nothing.
const PAIR_ALIGN: i32 = 4;
/// So much holds an aligned pair, wherever it starts.
const ROOM_BYTES: i32 = PAIR_BYTES as i32 + PAIR_ALIGN - 1;

const I32: ValType = ValType::I32;
const I64: ValType = ValType::I64;

/// The adapter of a module that uses these host functions, with the
/// description of its world inside.
pub(super) fn adapter(used: Used) -> Vec<u8> {
    let worlds = Worlds::get();
    let mut bytes = Builder::default().build(used, worlds);
    let world = worlds.plain().expect("wit/ has world plain");
    embed_component_metadata(&mut bytes, &worlds.resolve, world, StringEncoding::UTF8).expect("the repository's own world is described");
    bytes
}

/// A module in the making; functions are numbered as they come, imports first.
#[derive(Default)]
struct Builder {
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    exports: ExportSection,
    code: CodeSection,
    names: NameMap,
    count: u32,
}

impl Builder {
    fn build(mut self, used: Used, worlds: &Worlds) -> Vec<u8> {
        let memory = MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None };
        self.imports.import(IMPORTS, "memory", memory);
        let alloc = self.import(MAIN, "alloc", &[I32], &[I32]);
        let run = self.import(MAIN, "run", &[I32, I32], &[I64]);
        let log = used.log.then(|| self.import(&worlds.interface("logging"), "log", &[I32; 3], &[]));
        let current = used.context.then(|| self.import(&worlds.interface("plain-context"), "current", &[I32], &[]));
        let call = used.call.then(|| self.import(&worlds.interface("plain-host-calls"), "call", &[I32; 3], &[]));

        let block = self.block(alloc);
        self.realloc(block);
        if let Some(log) = log {
            let host_log = self.define("host_log", &[I32; 3], &[], &[], |code| {
                code.local_get(0).local_get(1).local_get(2).call(log);
            });
            self.export("host_log", host_log);
        }
        if current.is_some() || call.is_some() {
            let room = self.room(block);
            let pair = self.pair();
            self.asking(current, call, room, pair);
        }
        self.run(run);
        self.finish()
    }

    /// `block(len) -> ptr`: memory of the guest, or a trap whose text names it.
    fn block(&mut self, alloc: u32) -> u32 {
        let none = self.define("alloc_gave_no_memory", &[], &[], &[], |code| {
            code.unreachable();
        });
        self.define("plain_block", &[I32], &[I32], &[I32], |code| {
            code.local_get(0).call(alloc).local_tee(1).i32_eqz();
            // No bytes need no memory.
            code.local_get(0).i32_const(0).i32_ne().i32_and();
            code.if_(BlockType::Empty).call(none).end();
            code.local_get(1);
        })
    }

    /// The canonical ABI's allocator: world `plain` copies bytes only, and never resizes.
    fn realloc(&mut self, block: u32) {
        let realloc = self.define("plain_realloc", &[I32; 4], &[I32], &[], |code| {
            code.local_get(3).call(block);
        });
        self.export("cabi_import_realloc", realloc);
        self.export("cabi_export_realloc", realloc);
    }

    /// `room() -> ptr`: an aligned place for a pair, all of it in memory.
    fn room(&mut self, block: u32) -> u32 {
        self.define("plain_room", &[], &[I32], &[I32], |code| {
            code.i32_const(ROOM_BYTES).call(block).local_tee(0);
            // Reads the last byte: a pointer near the end or one that wraps traps here.
            code.i32_load8_u(MemArg { offset: ROOM_BYTES as u64 - 1, align: 0, memory_index: 0 }).drop();
            aligned(code.local_get(0));
        })
    }

    /// `pair(room) -> i64`: pointer above, length below.
    fn pair(&mut self) -> u32 {
        self.define("plain_pair", &[I32], &[I64], &[], |code| {
            code.local_get(0).i64_load32_u(field(0)).i64_const(32).i64_shl();
            code.local_get(0).i64_load32_u(field(4)).i64_or();
        })
    }

    /// The two host functions that answer.
    fn asking(&mut self, current: Option<u32>, call: Option<u32>, room: u32, pair: u32) {
        if let Some(current) = current {
            let host_context = self.define("host_context", &[], &[I64], &[I32], |code| {
                code.call(room).local_tee(0).call(current).local_get(0).call(pair);
            });
            self.export("host_context", host_context);
        }
        if let Some(call) = call {
            let host_call = self.define("host_call", &[I32, I32], &[I64], &[I32], |code| {
                code.call(room).local_set(2);
                code.local_get(0).local_get(1).local_get(2).call(call).local_get(2).call(pair);
            });
            self.export("host_call", host_call);
        }
    }

    /// The world's `run`. Its pair goes to address 0, or behind an answer that begins there.
    fn run(&mut self, run: u32) {
        const ANSWER: u32 = 2;
        const PTR: u32 = 3;
        const LEN: u32 = 4;
        const PAIR: u32 = 5;
        let exported = self.define("plain_run", &[I32, I32], &[I32], &[I64, I32, I32, I32], |code| {
            code.local_get(0).local_get(1).call(run).local_tee(ANSWER);
            code.i64_const(32).i64_shr_u().i32_wrap_i64().local_set(PTR);
            code.local_get(ANSWER).i32_wrap_i64().local_set(LEN);
            code.i32_const(0);
            aligned(code.local_get(PTR).local_get(LEN).i32_add());
            code.local_get(PTR).i32_const(PAIR_BYTES as i32).i32_ge_u().select().local_tee(PAIR);
            code.local_get(PTR).i32_store(field(0));
            code.local_get(PAIR).local_get(LEN).i32_store(field(4));
            code.local_get(PAIR);
        });
        self.export("run", exported);
    }

    fn import(&mut self, module: &str, name: &str, parameters: &[ValType], results: &[ValType]) -> u32 {
        let ty = self.of_type(parameters, results);
        self.imports.import(module, name, EntityType::Function(ty));
        self.number(name)
    }

    fn define(
        &mut self,
        name: &str,
        parameters: &[ValType],
        results: &[ValType],
        locals: &[ValType],
        body: impl FnOnce(&mut InstructionSink<'_>),
    ) -> u32 {
        let ty = self.of_type(parameters, results);
        self.functions.function(ty);
        let mut function = Function::new_with_locals_types(locals.iter().copied());
        let mut code = function.instructions();
        body(&mut code);
        code.end();
        self.code.function(&function);
        self.number(name)
    }

    fn of_type(&mut self, parameters: &[ValType], results: &[ValType]) -> u32 {
        self.types.ty().function(parameters.iter().copied(), results.iter().copied());
        self.types.len() - 1
    }

    fn number(&mut self, name: &str) -> u32 {
        self.names.append(self.count, name);
        self.count += 1;
        self.count - 1
    }

    fn export(&mut self, name: &str, function: u32) {
        self.exports.export(name, ExportKind::Func, function);
    }

    fn finish(self) -> Vec<u8> {
        let mut names = NameSection::new();
        names.functions(&self.names);
        let mut module = Module::new();
        module.section(&self.types).section(&self.imports).section(&self.functions).section(&self.exports).section(&self.code).section(&names);
        module.finish()
    }
}

/// Rounds the number on the stack up to a pair's alignment.
fn aligned<'a, 'b>(code: &'a mut InstructionSink<'b>) -> &'a mut InstructionSink<'b> {
    code.i32_const(PAIR_ALIGN - 1).i32_add().i32_const(-PAIR_ALIGN).i32_and()
}

fn field(offset: u64) -> MemArg {
    MemArg { offset, align: 2, memory_index: 0 }
}
