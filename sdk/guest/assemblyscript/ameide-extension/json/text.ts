// Texts: from JSON's bytes to a string and back.

/** What stands for a half of a surrogate pair, which UTF-8 cannot hold. */
const REPLACEMENT: u32 = 0xfffd;

/** The string in `len` bytes of UTF-8 at `ptr`, which have been checked; with escapes or without. */
export function decode(ptr: usize, len: i32, escaped: bool): string {
  return escaped ? unescape(ptr, len) : String.UTF8.decodeUnsafe(ptr, len);
}

/** Whether the bytes are the same text as `wanted`. */
export function equals(ptr: usize, len: i32, escaped: bool, wanted: string): bool {
  if (escaped) return unescape(ptr, len) == wanted;
  const units = changetype<usize>(wanted);
  const count = wanted.length;
  let byte = 0;
  for (let unit = 0; unit < count; ++unit, ++byte) {
    if (byte >= len) return false;
    const code = load<u8>(ptr + byte);
    // Beyond ASCII a byte is not a unit.
    if (code >= 0x80) return String.UTF8.decodeUnsafe(ptr, len) == wanted;
    if (code != load<u16>(units + (<usize>unit << 1))) return false;
  }
  return byte == len;
}

/** Each byte gives at most one unit of UTF-16: a pair takes four bytes or twelve. */
function unescape(ptr: usize, len: i32): string {
  const buffer = heap.alloc(<usize>len << 1);
  const end = ptr + len;
  let at = ptr;
  let out = buffer;
  while (at < end) {
    const byte: u32 = load<u8>(at);
    if (byte == 0x5c) {
      const letter: u32 = load<u8>(at, 1);
      if (letter == 0x75) {
        store<u16>(out, <u16>hex4(at + 2));
        at += 6;
      } else {
        store<u16>(out, <u16>meaning(letter));
        at += 2;
      }
      out += 2;
    } else if (byte < 0x80) {
      store<u16>(out, <u16>byte);
      at += 1;
      out += 2;
    } else if (byte < 0xe0) {
      store<u16>(out, <u16>(((byte & 0x1f) << 6) | rest(at, 1)));
      at += 2;
      out += 2;
    } else if (byte < 0xf0) {
      store<u16>(out, <u16>(((byte & 0x0f) << 12) | (rest(at, 1) << 6) | rest(at, 2)));
      at += 3;
      out += 2;
    } else {
      const point = (((byte & 0x07) << 18) | (rest(at, 1) << 12) | (rest(at, 2) << 6) | rest(at, 3)) - 0x10000;
      store<u16>(out, <u16>(0xd800 | (point >> 10)));
      store<u16>(out, <u16>(0xdc00 | (point & 0x3ff)), 2);
      at += 4;
      out += 4;
    }
  }
  const text = String.UTF16.decodeUnsafe(buffer, <i32>(out - buffer));
  return text;
}

// @ts-ignore: decorator
@inline
function rest(ptr: usize, index: usize): u32 {
  return load<u8>(ptr + index) & 0x3f;
}

/** What the letter after a backslash means; the parser lets no other pass. */
function meaning(letter: u32): u32 {
  switch (letter) {
    case 0x62: return 0x08; // b
    case 0x66: return 0x0c; // f
    case 0x6e: return 0x0a; // n
    case 0x72: return 0x0d; // r
    case 0x74: return 0x09; // t
    default: return letter; // " \ /
  }
}

/** The value of four hexadecimal digits, or -1. */
export function hex4(ptr: usize): i32 {
  let value = 0;
  for (let index: usize = 0; index < 4; ++index) {
    const code: i32 = load<u8>(ptr + index);
    let digit = code - 0x30;
    if (<u32>digit > 9) {
      digit = (code | 0x20) - 0x61;
      if (<u32>digit > 5) return -1;
      digit += 10;
    }
    value = (value << 4) | digit;
  }
  return value;
}

/** At most so many bytes hold the text as JSON, without its quotes: `\u001f` for a unit. */
export function encodedBytesMax(text: string): usize {
  return <usize>text.length * 6;
}

/** Writes the text as JSON's UTF-8, without its quotes; answers where it ended. */
export function encode(text: string, to: usize): usize {
  let from = changetype<usize>(text);
  const end = from + (<usize>text.length << 1);
  let out = to;
  while (from < end) {
    const unit: u32 = load<u16>(from);
    from += 2;
    if (unit < 0x80) {
      if (unit >= 0x20 && unit != 0x22 && unit != 0x5c) {
        store<u8>(out++, <u8>unit);
      } else {
        out = escape(unit, out);
      }
    } else if (unit < 0x800) {
      store<u8>(out, <u8>(0xc0 | (unit >> 6)));
      store<u8>(out, <u8>(0x80 | (unit & 0x3f)), 1);
      out += 2;
    } else {
      let point = unit;
      if ((unit & 0xf800) == 0xd800) {
        const next: u32 = from < end ? load<u16>(from) : 0;
        if (unit < 0xdc00 && (next & 0xfc00) == 0xdc00) {
          point = 0x10000 + ((unit & 0x3ff) << 10) + (next & 0x3ff);
          from += 2;
        } else {
          point = REPLACEMENT;
        }
      }
      out = point < 0x10000 ? three(point, out) : four(point, out);
    }
  }
  return out;
}

function three(point: u32, out: usize): usize {
  store<u8>(out, <u8>(0xe0 | (point >> 12)));
  store<u8>(out, <u8>(0x80 | ((point >> 6) & 0x3f)), 1);
  store<u8>(out, <u8>(0x80 | (point & 0x3f)), 2);
  return out + 3;
}

function four(point: u32, out: usize): usize {
  store<u8>(out, <u8>(0xf0 | (point >> 18)));
  store<u8>(out, <u8>(0x80 | ((point >> 12) & 0x3f)), 1);
  store<u8>(out, <u8>(0x80 | ((point >> 6) & 0x3f)), 2);
  store<u8>(out, <u8>(0x80 | (point & 0x3f)), 3);
  return out + 4;
}

function escape(unit: u32, out: usize): usize {
  store<u8>(out, 0x5c);
  let letter: u32 = 0;
  switch (unit) {
    case 0x22: letter = 0x22; break;
    case 0x5c: letter = 0x5c; break;
    case 0x08: letter = 0x62; break;
    case 0x0c: letter = 0x66; break;
    case 0x0a: letter = 0x6e; break;
    case 0x0d: letter = 0x72; break;
    case 0x09: letter = 0x74; break;
  }
  if (letter != 0) {
    store<u8>(out, <u8>letter, 1);
    return out + 2;
  }
  // u 0 0 and the unit's two digits, of which the first is 0 or 1.
  store<u8>(out, 0x75, 1);
  store<u8>(out, 0x30, 2);
  store<u8>(out, 0x30, 3);
  store<u8>(out, <u8>(0x30 + (unit >> 4)), 4);
  const low = unit & 0xf;
  store<u8>(out, <u8>(low < 10 ? 0x30 + low : 0x57 + low), 5);
  return out + 6;
}
