// From a tree of values to UTF-8.

import * as fault from "../fault";
import { Entry, Kind } from "./entry";
import { DEPTH_MAX } from "./parse";
import { encode, encodedBytesMax } from "./text";
import { Json } from "./value";

const CAPACITY: usize = 512;

/** A growing piece of memory. It is the last block while nothing else is allocated, and then grows in place. */
@final
export class Writer {
  ptr: usize = heap.alloc(CAPACITY);
  len: i32 = 0;
  private capacity: usize = CAPACITY;

  /** Forgets what was written. */
  clear(): void {
    this.len = 0;
  }

  /** The bytes as they are. */
  raw(ptr: usize, len: i32): void {
    memory.copy(this.room(len), ptr, len);
    this.len += len;
  }

  /** One ASCII character. */
  byte(code: u8): void {
    store<u8>(this.room(1), code);
    ++this.len;
  }

  /** Plain ASCII without anything that JSON escapes. */
  ascii(text: string): void {
    const at = this.room(text.length);
    for (let i = 0, n = text.length; i < n; ++i) store<u8>(at + i, <u8>load<u16>(changetype<usize>(text) + (<usize>i << 1)));
    this.len += text.length;
  }

  /** A text with its quotes. */
  text(text: string): void {
    const at = this.room(encodedBytesMax(text) + 2);
    store<u8>(at, 0x22);
    const end = encode(text, at + 1);
    store<u8>(end, 0x22);
    this.len = <i32>(end + 1 - this.ptr);
  }

  json(value: Json, depth: i32): void {
    switch (value.kind) {
      case Kind.True: this.ascii("true"); break;
      case Kind.False: this.ascii("false"); break;
      case Kind.Number: this.raw(value.ptr, value.len); break;
      case Kind.String:
        if (value.ptr == 0) this.text(value.content!);
        else this.quoted(value.ptr, value.len);
        break;
      case Kind.Array:
      case Kind.Object: this.entries(value, depth); break;
      default: this.ascii("null");
    }
  }

  /** A text as it was read, escapes and all. */
  quoted(ptr: usize, len: i32): void {
    this.byte(0x22);
    this.raw(ptr, len);
    this.byte(0x22);
  }

  private entries(value: Json, depth: i32): void {
    if (depth == DEPTH_MAX) {
      fault.note(fault.FAILED, "the answer is nested deeper than 128");
      return;
    }
    const isObject = value.kind == Kind.Object;
    this.byte(isObject ? 0x7b : 0x5b);
    for (let entry: Entry | null = value.first; entry != null; entry = entry!.next) {
      if (entry != value.first) this.byte(0x2c);
      if (isObject) {
        entry.write(this);
        this.byte(0x3a);
      }
      this.json(entry.value, depth + 1);
    }
    this.byte(isObject ? 0x7d : 0x5d);
  }

  /** Where `more` bytes may be written. */
  private room(more: usize): usize {
    const needed = <usize>this.len + more;
    if (needed > this.capacity) {
      this.capacity = max(needed, this.capacity << 1);
      this.ptr = heap.realloc(this.ptr, this.capacity);
    }
    return this.ptr + this.len;
  }
}
