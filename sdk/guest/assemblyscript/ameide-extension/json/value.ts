// A JSON value: what was read, or what is being built.

import * as fault from "../fault";
import { fitted, toF64, toI64, toU64 } from "./number";
import { parse, parseError } from "./parse";
import { Entry, Kind } from "./entry";
import { decode } from "./text";
import { Writer } from "./write";

/** The input of the running call: a value of it that does not fit is the caller's fault. */
let input: Json | null = null;

/** Says which tree is the input. */
export function setInput(value: Json): void {
  input = value;
}

/** Null, a boolean, a number, a text, an array or an object. Arrays and objects are references, as in JavaScript. */
@final
export class Json {
  /** Where the bytes of a number or a text lie; a built text has none. */
  ptr: usize = 0;
  len: i32 = 0;
  escaped: bool = false;
  /** A built text, or the key of what is missing. */
  content: string | null = null;
  first: Entry | null = null;
  last: Entry | null = null;
  /** How many entries an array or object has. */
  length: i32 = 0;

  constructor(public kind: Kind, public parent: Json | null = null) {}

  // Make

  /** Reads a text; null when it is no JSON. */
  static parse(text: string): Json | null {
    const bytes = String.UTF8.encode(text);
    return parse(changetype<usize>(bytes), bytes.byteLength);
  }

  /** Why the last text was no JSON, with the place. */
  static get error(): string {
    return parseError();
  }

  /** A new object: `Json.object().set("ok", true)`. */
  static object(): Json {
    return new Json(Kind.Object);
  }

  /** A new array: `Json.array().push(1).push("two")`. */
  static array(): Json {
    return new Json(Kind.Array);
  }

  /** JSON's null. */
  static nil(): Json {
    return new Json(Kind.Null);
  }

  /** A number, a boolean, a string, a Json, or an array of these. A null reference is JSON's null. */
  static of<T>(value: T): Json {
    if (isBoolean<T>()) return new Json(value ? Kind.True : Kind.False);
    if (isInteger<T>()) return number(value.toString());
    if (isFloat<T>()) {
      if (!isFinite<T>(value)) {
        fault.note(fault.FAILED, value.toString() + " is no number of JSON");
        return Json.nil();
      }
      return number(value.toString());
    }
    if (isNullable<T>()) {
      if (value == null) return Json.nil();
    }
    if (isString<T>()) {
      const text = new Json(Kind.String);
      text.content = changetype<string>(value);
      return text;
    }
    if (idof<T>() == idof<Json>()) return changetype<Json>(value);
    if (isArray<T>()) {
      const list = Json.array();
      for (let i = 0, n = value!.length; i < n; ++i) list.push<valueof<T>>(unchecked(value![i]));
      return list;
    }
    ERROR("Json.of takes a number, a boolean, a string, a Json or an array of these; build an object with Json.object().set(...)");
  }

  /** Sets a field of an object; the last value of a field wins. */
  set<T>(key: string, value: T): Json {
    if (this.kind != Kind.Object) {
      fault.note(fault.FAILED, "set(\"" + key + "\") on " + this.what() + ", which has no fields");
      return this;
    }
    const json = Json.of<T>(value);
    const known = this.find(key);
    if (known != null) {
      known.value = json;
    } else {
      const entry = new Entry(json, 0, 0, false);
      entry.name = key;
      this.append(entry);
    }
    return this;
  }

  /** Appends to an array. */
  push<T>(value: T): Json {
    if (this.kind == Kind.Array) this.append(new Entry(Json.of<T>(value), 0, 0, false));
    else fault.note(fault.FAILED, "push() on " + this.what() + ", which is no array");
    return this;
  }

  append(entry: Entry): void {
    const last = this.last;
    if (last == null) this.first = entry;
    else last.next = entry;
    this.last = entry;
    ++this.length;
  }

  // Look

  get isNull(): bool { return this.kind == Kind.Null; }
  get isMissing(): bool { return this.kind == Kind.Missing; }
  /** Null or not there. */
  get isAbsent(): bool { return this.kind == Kind.Null || this.kind == Kind.Missing; }
  get isBool(): bool { return this.kind == Kind.True || this.kind == Kind.False; }
  get isNumber(): bool { return this.kind == Kind.Number; }
  get isString(): bool { return this.kind == Kind.String; }
  get isArray(): bool { return this.kind == Kind.Array; }
  get isObject(): bool { return this.kind == Kind.Object; }

  /** A field of an object, which may be missing. Of several with one name the last. */
  get(key: string): Json {
    const entry = this.kind == Kind.Object ? this.find(key) : null;
    if (entry != null) return entry.value;
    const missing = new Json(Kind.Missing, this);
    missing.content = key;
    return missing;
  }

  /** An element of an array, which may be missing. For all of them take items(). */
  at(index: i32): Json {
    if (this.kind == Kind.Array && index >= 0) {
      let left = index;
      for (let entry: Entry | null = this.first; entry != null; entry = entry!.next) {
        if (left-- == 0) return entry.value;
      }
    }
    const missing = new Json(Kind.Missing, this);
    missing.content = index.toString();
    return missing;
  }

  has(key: string): bool {
    return this.kind == Kind.Object && this.find(key) != null;
  }

  /** An object's keys, in order. */
  keys(): string[] {
    const keys = new Array<string>();
    if (this.kind == Kind.Object) {
      for (let entry: Entry | null = this.first; entry != null; entry = entry!.next) keys.push(entry.key());
    } else {
      this.unfit("an object");
    }
    return keys;
  }

  /** An array's elements. */
  items(): Json[] {
    const items = new Array<Json>();
    if (this.kind == Kind.Array) {
      for (let entry: Entry | null = this.first; entry != null; entry = entry!.next) items.push(entry.value);
    } else {
      this.unfit("an array");
    }
    return items;
  }

  // Take. What does not fit is noted, and the call ends as invalid input.

  asString(): string {
    if (this.kind != Kind.String) {
      this.unfit("a text");
      return "";
    }
    let text = this.content;
    if (text == null) {
      text = decode(this.ptr, this.len, this.escaped);
      this.content = text;
    }
    return text;
  }

  asBool(): bool {
    if (!this.isBool) this.unfit("true or false");
    return this.kind == Kind.True;
  }

  asF64(): f64 {
    if (this.kind == Kind.Number) {
      const value = toF64(this.ptr, this.len);
      if (isFinite(value)) return value;
    }
    this.unfit("a number");
    return 0;
  }

  asI64(): i64 { return this.signed(i64.MIN_VALUE, i64.MAX_VALUE); }
  asI32(): i32 { return <i32>this.signed(i32.MIN_VALUE, i32.MAX_VALUE); }
  asU64(): u64 { return this.unsigned(u64.MAX_VALUE); }
  asU32(): u32 { return <u32>this.unsigned(u32.MAX_VALUE); }

  /** Which of `names` the text is. */
  asOneOf(names: string[]): i32 {
    const choice = "one of `" + names.join("`, `") + "`";
    if (this.kind != Kind.String) {
      this.unfit(choice);
      return 0;
    }
    const index = names.indexOf(this.asString());
    if (index < 0) this.blame(this.place() + ": unknown variant `" + this.asString() + "`, expected " + choice);
    return max(index, 0);
  }

  orString(otherwise: string): string { return this.isAbsent ? otherwise : this.asString(); }
  orOneOf(names: string[], otherwise: i32): i32 { return this.isAbsent ? otherwise : this.asOneOf(names); }
  orBool(otherwise: bool): bool { return this.isAbsent ? otherwise : this.asBool(); }
  orF64(otherwise: f64): f64 { return this.isAbsent ? otherwise : this.asF64(); }
  orI64(otherwise: i64): i64 { return this.isAbsent ? otherwise : this.asI64(); }
  orI32(otherwise: i32): i32 { return this.isAbsent ? otherwise : this.asI32(); }
  orU64(otherwise: u64): u64 { return this.isAbsent ? otherwise : this.asU64(); }
  orU32(otherwise: u32): u32 { return this.isAbsent ? otherwise : this.asU32(); }

  /** The text of the value, as it will be sent. */
  toString(): string {
    const out = new Writer();
    out.json(this, 0);
    return String.UTF8.decodeUnsafe(out.ptr, out.len);
  }

  /** Where the value lies, as a JSON pointer; empty for the whole. */
  path(): string {
    const parent = this.parent;
    return parent == null ? "" : parent.path() + "/" + this.step(parent).replaceAll("~", "~0").replaceAll("/", "~1");
  }

  /** Notes that the value is not what the extension expects of it. */
  unfit(expected: string): void {
    if (this.kind == Kind.Missing) {
      const place = this.parent!.path();
      this.blame("missing field `" + this.content! + "`" + (place.length > 0 ? " in " + place : ""));
    } else {
      this.blame(this.place() + ": expected " + expected + ", got " + this.what());
    }
  }

  private place(): string {
    const path = this.path();
    return path.length > 0 ? path : "the input";
  }

  /** What is wrong in the call's input is the caller's fault, elsewhere the extension's. */
  private blame(text: string): void {
    let root: Json = this;
    for (let parent = root.parent; parent != null; parent = root.parent) root = parent;
    fault.note(root == input ? fault.INVALID_INPUT : fault.FAILED, text);
  }

  private signed(low: i64, high: i64): i64 {
    if (this.kind == Kind.Number) {
      const value = toI64(this.ptr, this.len);
      if (fitted() && value >= low && value <= high) return value;
    }
    this.unfit("a whole number from " + low.toString() + " to " + high.toString());
    return 0;
  }

  private unsigned(high: u64): u64 {
    if (this.kind == Kind.Number) {
      const value = toU64(this.ptr, this.len);
      if (fitted() && value <= high) return value;
    }
    this.unfit("a whole number from 0 to " + high.toString());
    return 0;
  }

  private find(key: string): Entry | null {
    let found: Entry | null = null;
    for (let entry: Entry | null = this.first; entry != null; entry = entry!.next) {
      if (entry.is(key)) found = entry;
    }
    return found;
  }

  /** The key or index in the parent. */
  private step(parent: Json): string {
    if (this.kind == Kind.Missing) return this.content!;
    let index = 0;
    for (let entry: Entry | null = parent.first; entry != null; entry = entry!.next, ++index) {
      if (entry.value == this) return parent.kind == Kind.Object ? entry.key() : index.toString();
    }
    return "?";
  }

  /** The value in a message, cut to what anyone reads. */
  private what(): string {
    switch (this.kind) {
      case Kind.Missing: return "nothing";
      case Kind.Array: return "an array";
      case Kind.Object: return "an object";
      default: {
        const text = this.toString();
        return text.length > 40 ? text.substring(0, 40) + "..." : text;
      }
    }
  }
}

/** A built number: its text, as a read one has. */
function number(text: string): Json {
  const json = new Json(Kind.Number);
  json.ptr = changetype<usize>(String.UTF8.encode(text));
  json.len = text.length;
  return json;
}
