// What arrays and objects consist of.

import { decode, equals } from "./text";
import { Json } from "./value";
import { Writer } from "./write";

export const enum Kind {
  Null,
  False,
  True,
  Number,
  String,
  Array,
  Object,
  /** What a key or an index names that is not there. */
  Missing,
}

/** A place in an array or object. */
@unmanaged
@final
export class Entry {
  next: Entry | null = null;
  /** The key once it is a string; null while only its bytes are known. */
  name: string | null = null;
  constructor(public value: Json, private keyPtr: usize, private keyLen: i32, private keyEscaped: bool) {}

  key(): string {
    let name = this.name;
    if (name == null) {
      name = decode(this.keyPtr, this.keyLen, this.keyEscaped);
      this.name = name;
    }
    return name;
  }

  is(key: string): bool {
    const name = this.name;
    return name != null ? name == key : equals(this.keyPtr, this.keyLen, this.keyEscaped, key);
  }

  write(out: Writer): void {
    const name = this.name;
    if (name == null) out.quoted(this.keyPtr, this.keyLen);
    else out.text(name);
  }
}
