// Numbers: from decimal text to the nearest f64 and to whole numbers, exactly.

/** More digits never decide between two f64: 767 suffice for the worst case. */
const DIGITS_MAX: i32 = 800;
/** A decimal exponent beyond this is infinite or zero whatever the digits. */
const EXPONENT_MAX: i32 = 100_000;
/** Whole numbers up to 2^53 are exact as f64. */
const EXACT_MAX: u64 = 1 << 53;

// The parts of the last number that was split.
let negative: bool = false;
/** The first 19 significant digits. */
let mantissa: u64 = 0;
/** Significant digits, without leading zeros. */
let significant: i32 = 0;
/** The number is its digits, as a whole number, times ten to this. */
let exponent: i32 = 0;
/** Whether it has a fraction or an exponent. */
let plain: bool = true;

/** Takes a number of JSON's grammar apart. */
function split(ptr: usize, len: i32): void {
  const end = ptr + len;
  negative = load<u8>(ptr) == 0x2d;
  mantissa = 0;
  significant = 0;
  exponent = 0;
  plain = true;
  let at = negative ? ptr + 1 : ptr;
  let fraction = false;
  for (; at < end; ++at) {
    const byte: u32 = load<u8>(at);
    if (byte == 0x2e) {
      fraction = true;
      plain = false;
    } else if ((byte | 0x20) == 0x65) {
      plain = false;
      break;
    } else {
      if (fraction) --exponent;
      if (significant > 0 || byte != 0x30) {
        if (++significant <= 19) mantissa = mantissa * 10 + (byte - 0x30);
      }
    }
  }
  if (at < end) exponent += written(at + 1, end);
}

/** The exponent after `e`, bounded. */
function written(at: usize, end: usize): i32 {
  const minus = load<u8>(at) == 0x2d;
  if (minus || load<u8>(at) == 0x2b) ++at;
  let value = 0;
  for (; at < end; ++at) {
    if (value < EXPONENT_MAX) value = value * 10 + (load<u8>(at) - 0x30);
  }
  return minus ? -value : value;
}

/** The nearest f64; infinite beyond its range. */
export function toF64(ptr: usize, len: i32): f64 {
  split(ptr, len);
  let magnitude: f64 = 0;
  if (significant > 0) {
    // Both factors are exact, so one operation rounds once.
    if (significant <= 19 && mantissa <= EXACT_MAX && exponent >= -22 && exponent <= 22) {
      const power = exactPower(exponent < 0 ? -exponent : exponent);
      magnitude = exponent < 0 ? <f64>mantissa / power : <f64>mantissa * power;
    } else {
      magnitude = exactly(ptr, len);
    }
  }
  return negative ? -magnitude : magnitude;
}

/** 10^n for n up to 22: exact in f64. */
function exactPower(n: i32): f64 {
  let power: f64 = 1;
  for (let i = 0; i < n; ++i) power *= 10;
  return power;
}

// Whether the last whole number was one and fitted.
let whole: bool = false;

/** Whether the number that was last read by toI64 or toU64 is a whole number that fits. */
export function fitted(): bool {
  return whole;
}

/** The whole number; fitted() says whether it is one. */
export function toU64(ptr: usize, len: i32): u64 {
  const value = wholeMagnitude(ptr, len);
  if (negative && value > 0) whole = false;
  return value;
}

/** The whole number; fitted() says whether it is one. */
export function toI64(ptr: usize, len: i32): i64 {
  const value = wholeMagnitude(ptr, len);
  if (value > (negative ? <u64>1 << 63 : <u64>i64.MAX_VALUE)) whole = false;
  return negative ? -<i64>value : <i64>value;
}

/** `12`, and also `12.0` and `1.2e1`, which other programs write. */
function wholeMagnitude(ptr: usize, len: i32): u64 {
  split(ptr, len);
  whole = true;
  if (significant == 0) return 0;
  if (plain && significant <= 19) return mantissa;
  if (plain && significant == 20) {
    const last = <u64>(load<u8>(ptr + len - 1) - 0x30);
    const limit = u64.MAX_VALUE / 10;
    whole = mantissa < limit || (mantissa == limit && last <= u64.MAX_VALUE % 10);
    return mantissa * 10 + last;
  }
  const value = plain ? <f64>Infinity : abs(toF64(ptr, len));
  whole = value <= <f64>EXACT_MAX && floor(value) == value;
  return whole ? <u64>value : 0;
}

// Exact conversion: a quotient of two big whole numbers, rounded once. Only
// numbers of many digits or large exponents come here.

/** 800 digits, or 10^1200 and 53 bits beside it, fit into so many 32-bit limbs. */
const LIMBS: i32 = 192;
/** Numbers from 10^400 on are infinite, below 10^-400 zero. */
const SCALE_MAX: i32 = 400;
/** As many digits as fit into a limb. */
const CHUNK_DIGITS: i32 = 9;

/** The limbs that the division needs to look at. */
let used: i32 = LIMBS;

function exactly(ptr: usize, len: i32): f64 {
  if (significant + exponent > SCALE_MAX) return Infinity;
  if (significant + exponent < -SCALE_MAX) return 0;
  const above = new StaticArray<u32>(LIMBS);
  const below = new StaticArray<u32>(LIMBS);
  used = LIMBS;
  const scale = exponent + readDigits(above, ptr, len);
  below[0] = 1;
  multiplyByPower(scale < 0 ? below : above, scale < 0 ? -scale : scale);
  return divide(above, below);
}

/** Reads the digits into `into`; answers how many were left out, for which one non-zero digit stands. */
function readDigits(into: StaticArray<u32>, ptr: usize, len: i32): i32 {
  let read = 0;
  let dropped = 0;
  let more = false;
  let chunk: u32 = 0;
  let inChunk = 0;
  for (let at = ptr, end = ptr + len; at < end; ++at) {
    const byte: u32 = load<u8>(at);
    if ((byte | 0x20) == 0x65) break;
    const digit = byte - 0x30;
    if (digit > 9 || (read == 0 && digit == 0)) continue;
    if (read == DIGITS_MAX) {
      ++dropped;
      more = more || digit != 0;
      continue;
    }
    ++read;
    chunk = chunk * 10 + digit;
    if (++inChunk == CHUNK_DIGITS) {
      multiplyAdd(into, 1_000_000_000, chunk);
      chunk = 0;
      inChunk = 0;
    }
  }
  multiplyAdd(into, <u32>exactPower(inChunk), chunk);
  if (!more) return dropped;
  multiplyAdd(into, 10, 1);
  return dropped - 1;
}

function multiplyByPower(number: StaticArray<u32>, power: i32): void {
  for (; power >= CHUNK_DIGITS; power -= CHUNK_DIGITS) multiplyAdd(number, 1_000_000_000, 0);
  multiplyAdd(number, <u32>exactPower(power), 0);
}

function multiplyAdd(number: StaticArray<u32>, factor: u32, add: u32): void {
  let carry: u64 = add;
  for (let i = 0, n = min(bits(number) / 32 + 2, LIMBS); i < n; ++i) {
    const product = <u64>unchecked(number[i]) * factor + carry;
    unchecked((number[i] = <u32>product));
    carry = product >> 32;
  }
}

/** The number's length in bits. */
function bits(number: StaticArray<u32>): i32 {
  for (let i = used - 1; i >= 0; --i) {
    const limb = unchecked(number[i]);
    if (limb != 0) return 32 * i + 32 - <i32>clz(limb);
  }
  return 0;
}

/** `above / below`, to the nearest f64, ties to even. */
function divide(above: StaticArray<u32>, below: StaticArray<u32>): f64 {
  // The binary exponent of the quotient, or one more.
  let power = bits(above) - bits(below);
  used = min(max(bits(above), bits(below)) / 32 + 2, LIMBS);
  shift(power > 0 ? below : above, power > 0 ? power : -power);
  if (compare(above, below) < 0) {
    shift(above, 1);
    --power;
  }
  // Now 1 <= above / below < 2. Subnormal numbers have fewer bits to give.
  const wanted = power < -1022 ? 53 + power + 1022 : 53;
  if (wanted < 0) return 0;
  let quotient: u64 = 0;
  for (let i = 0; i < wanted; ++i) {
    quotient <<= 1;
    if (compare(above, below) >= 0) {
      subtract(above, below);
      quotient |= 1;
    }
    shift(above, 1);
  }
  // What is left, in halves of the quotient's last bit; of two equally near ones the even wins.
  const rest = compare(above, below);
  if (rest > 0 || (rest == 0 && (quotient & 1) == 1)) ++quotient;
  const lowest = max(power, -1022) - 52;
  if (lowest > 971) return Infinity;
  // The quotient's leading bit counts into the exponent, and so does a carry.
  return reinterpret<f64>((<u64>(lowest + 1074) << 52) + quotient);
}

function shift(number: StaticArray<u32>, by: i32): void {
  const limbs = by >> 5;
  const part = by & 31;
  for (let i = used - 1; i >= 0; --i) {
    const high: u32 = i >= limbs ? unchecked(number[i - limbs]) : 0;
    const low: u32 = i > limbs ? unchecked(number[i - limbs - 1]) : 0;
    unchecked((number[i] = part == 0 ? high : (high << part) | (low >> (32 - part))));
  }
}

function compare(one: StaticArray<u32>, other: StaticArray<u32>): i32 {
  for (let i = used - 1; i >= 0; --i) {
    const a = unchecked(one[i]);
    const b = unchecked(other[i]);
    if (a != b) return a < b ? -1 : 1;
  }
  return 0;
}

function subtract(from: StaticArray<u32>, what: StaticArray<u32>): void {
  let borrow: u64 = 0;
  for (let i = 0; i < used; ++i) {
    const difference = <u64>unchecked(from[i]) - unchecked(what[i]) - borrow;
    unchecked((from[i] = <u32>difference));
    borrow = difference >> 63;
  }
}
