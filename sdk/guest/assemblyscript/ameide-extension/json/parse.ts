// From UTF-8 to a tree of values: one pass that checks everything and copies nothing.
//
// Texts and numbers stay where they lie; they are decoded when a rule asks for them.

import { Entry, Kind } from "./entry";
import { hex4 } from "./text";
import { Json } from "./value";

/** Arrays and objects may nest this deep: as deep as the platform lets pass. */
export const DEPTH_MAX: i32 = 128;

let at: usize = 0;
let end: usize = 0;
let start: usize = 0;
/** Why the text is no JSON; empty while it is. */
let wrong: string = "";

/** Reads exactly one value; null when the bytes are no JSON, and parseError() says why. */
export function parse(ptr: usize, len: i32): Json | null {
  start = ptr;
  at = ptr;
  end = ptr + len;
  wrong = "";
  passSpace();
  const value = readValue(null, 0);
  if (value == null) return null;
  passSpace();
  return at == end ? value : fail("trailing characters");
}

/** Why the last text was no JSON, with the place. */
export function parseError(): string {
  return wrong;
}

/** The first fault counts; its place is where reading stands. */
function fail(what: string): Json | null {
  if (wrong.length == 0) wrong = what + " at byte " + (<u32>(at - start)).toString();
  return null;
}

function passSpace(): void {
  while (at < end) {
    const byte = load<u8>(at);
    if (byte != 0x20 && byte != 0x0a && byte != 0x0d && byte != 0x09) return;
    ++at;
  }
}

function readValue(parent: Json | null, depth: i32): Json | null {
  if (at >= end) return fail("unexpected end");
  const byte: u32 = load<u8>(at);
  switch (byte) {
    case 0x7b: return readObject(parent, depth);
    case 0x5b: return readArray(parent, depth);
    case 0x22: return readText(parent);
    case 0x74: return readWord(parent, 0x65757274, Kind.True, 4);
    case 0x66: return at + 5 <= end && load<u8>(at, 4) == 0x65 ? readWord(parent, 0x736c6166, Kind.False, 5) : fail("expected a value");
    case 0x6e: return readWord(parent, 0x6c6c756e, Kind.Null, 4);
  }
  if (byte == 0x2d || byte - 0x30 < 10) return readNumber(parent);
  return fail("expected a value");
}

/** `true`, `false` or `null`, by its first four letters. */
function readWord(parent: Json | null, letters: u32, kind: Kind, length: usize): Json | null {
  if (at + length > end || load<u32>(at) != letters) return fail("expected a value");
  at += length;
  return new Json(kind, parent);
}

function readObject(parent: Json | null, depth: i32): Json | null {
  if (depth == DEPTH_MAX) return fail("nested deeper than 128");
  ++at;
  const self = new Json(Kind.Object, parent);
  passSpace();
  if (at < end && load<u8>(at) == 0x7d) {
    ++at;
    return self;
  }
  while (true) {
    if (at >= end || load<u8>(at) != 0x22) return fail("expected a key");
    const key = at + 1;
    const form = passString();
    if (form < 0) return null;
    const length = <i32>(at - 1 - key);
    passSpace();
    if (at >= end || load<u8>(at) != 0x3a) return fail("expected `:`");
    ++at;
    passSpace();
    const value = readValue(self, depth + 1);
    if (value == null) return null;
    self.append(new Entry(value, key, length, form > 0));
    passSpace();
    const byte = at < end ? load<u8>(at++) : 0;
    if (byte == 0x7d) return self;
    if (byte != 0x2c) return fail("expected `,` or `}`");
    passSpace();
  }
}

function readArray(parent: Json | null, depth: i32): Json | null {
  if (depth == DEPTH_MAX) return fail("nested deeper than 128");
  ++at;
  const self = new Json(Kind.Array, parent);
  passSpace();
  if (at < end && load<u8>(at) == 0x5d) {
    ++at;
    return self;
  }
  while (true) {
    const value = readValue(self, depth + 1);
    if (value == null) return null;
    self.append(new Entry(value, 0, 0, false));
    passSpace();
    const byte = at < end ? load<u8>(at++) : 0;
    if (byte == 0x5d) return self;
    if (byte != 0x2c) return fail("expected `,` or `]`");
    passSpace();
  }
}

function readText(parent: Json | null): Json | null {
  const first = at + 1;
  const form = passString();
  if (form < 0) return null;
  const value = new Json(Kind.String, parent);
  value.ptr = first;
  value.len = <i32>(at - 1 - first);
  value.escaped = form > 0;
  return value;
}

/** Passes a text with both quotes: 1 when it has escapes, 0 when not, -1 when it is none. */
function passString(): i32 {
  let form = 0;
  ++at;
  while (at < end) {
    const byte: u32 = load<u8>(at);
    if (byte == 0x22) {
      ++at;
      return form;
    }
    if (byte == 0x5c) {
      form = 1;
      if (!passEscape()) return -1;
    } else if (byte >= 0x80) {
      if (!passBeyondAscii(byte)) return -1;
    } else if (byte < 0x20) {
      fail("control character in a text");
      return -1;
    } else {
      ++at;
    }
  }
  fail("a text without its end");
  return -1;
}

function passEscape(): bool {
  const letter: u32 = at + 1 < end ? load<u8>(at, 1) : 0;
  if (letter == 0x75) {
    const unit = unitAt(at);
    if (unit >= 0 && (unit & 0xf800) != 0xd800) {
      at += 6;
      return true;
    }
    // The halves of a pair come together, the high one first.
    if (unit >= 0xd800 && unit < 0xdc00 && (unitAt(at + 6) & ~0x3ff) == 0xdc00) {
      at += 12;
      return true;
    }
    fail(unit < 0 ? "invalid escape" : "lone surrogate");
    return false;
  }
  switch (letter) {
    case 0x22: case 0x5c: case 0x2f: case 0x62: case 0x66: case 0x6e: case 0x72: case 0x74:
      at += 2;
      return true;
  }
  fail("invalid escape");
  return false;
}

/** The unit of the escape `\uXXXX` at `ptr`, or -1. */
function unitAt(ptr: usize): i32 {
  if (ptr + 6 > end || load<u16>(ptr) != 0x755c) return -1;
  return hex4(ptr + 2);
}

/** Passes one character of two to four bytes: no overlong form, no surrogate, nothing above U+10FFFF. */
function passBeyondAscii(byte: u32): bool {
  let more: usize = 0;
  let low: u32 = 0x80;
  let high: u32 = 0xbf;
  if (byte >= 0xc2 && byte < 0xe0) {
    more = 1;
  } else if (byte >= 0xe0 && byte < 0xf0) {
    more = 2;
    if (byte == 0xe0) low = 0xa0;
    if (byte == 0xed) high = 0x9f;
  } else if (byte >= 0xf0 && byte < 0xf5) {
    more = 3;
    if (byte == 0xf0) low = 0x90;
    if (byte == 0xf4) high = 0x8f;
  }
  let good = more > 0 && at + more < end;
  for (let index: usize = 1; good && index <= more; ++index) {
    const next: u32 = load<u8>(at + index);
    good = next >= low && next <= high;
    low = 0x80;
    high = 0xbf;
  }
  if (!good) {
    fail("invalid UTF-8");
    return false;
  }
  at += more + 1;
  return true;
}

function passDigits(): bool {
  const first = at;
  while (at < end && <u32>load<u8>(at) - 0x30 < 10) ++at;
  return at > first;
}

function readNumber(parent: Json | null): Json | null {
  const first = at;
  if (load<u8>(at) == 0x2d) ++at;
  if (at < end && load<u8>(at) == 0x30) {
    ++at;
  } else if (!passDigits()) {
    return fail("expected a digit");
  }
  if (at < end && load<u8>(at) == 0x2e) {
    ++at;
    if (!passDigits()) return fail("expected a digit");
  }
  if (at < end && (load<u8>(at) | 0x20) == 0x65) {
    ++at;
    if (at < end && (load<u8>(at) == 0x2b || load<u8>(at) == 0x2d)) ++at;
    if (!passDigits()) return fail("expected a digit");
  }
  const value = new Json(Kind.Number, parent);
  value.ptr = first;
  value.len = <i32>(at - first);
  return value;
}
