// The plain ABI: what the platform calls. Authors never see it.

// The build makes `abort` and `trace` mean the functions of this file.
import "./abort";
import * as fault from "./fault";
import { parse, parseError } from "./json/parse";
import { setInput } from "./json/value";
import { Writer } from "./json/write";
import { registered } from "./hooks";

/** AssemblyScript has no larger blocks. */
const BLOCK_BYTES_MAX: i32 = (1 << 30) - 64;

/** Memory for the platform to write into; 0 when there is none left. */
export function alloc(len: i32): usize {
  if (len < 0 || len > BLOCK_BYTES_MAX) return 0;
  const wanted = <usize>len + 64;
  // A block of the arena's end says how much of the memory is used.
  const used = heap.alloc(0);
  const free = (<usize>memory.size() << 16) - used;
  // Growing here can be refused; growing inside of heap.alloc would trap.
  if (wanted > free && memory.grow(<i32>((wanted - free + 0xffff) >>> 16)) < 0) return 0;
  return heap.alloc(len);
}

/** Nothing: an instance answers one call and is thrown away with its memory. */
export function dealloc(ptr: usize, len: i32): void {}

/** Answers one call: where the answer lies in the high half, its length in the low one. */
export function run(ptr: usize, len: i32): i64 {
  const out = new Writer();
  answer(ptr, len, out);
  if (fault.noted()) {
    out.clear();
    out.ascii("{\"$error\":{\"");
    out.ascii(fault.notedKind());
    out.ascii("\":");
    out.text(fault.notedText());
    out.ascii("}}");
  }
  return (<i64>out.ptr << 32) | <i64>out.len;
}

function answer(ptr: usize, len: i32, out: Writer): void {
  const input = parse(ptr, len);
  if (input == null) {
    fault.note(fault.INVALID_INPUT, "the input is no JSON: " + parseError());
    return;
  }
  const hook = registered();
  if (hook == null) {
    fault.note(fault.FAILED, "assembly/index.ts registers nothing; it needs a line like domainHook(evaluate)");
    return;
  }
  const body = input.get(hook.bodyKey);
  // Paths in messages begin at the author's own input.
  body.parent = null;
  setInput(body);
  const result = hook.answer(hook.nameKey.length > 0 ? input.get(hook.nameKey).asString() : "", body);
  if (result != null && !fault.noted()) result.write(out);
}
