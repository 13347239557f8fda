// Checks the SDK through a compiled guest, against this engine's own JSON: `node check.mjs LAB.wasm`.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

const module = await WebAssembly.compile(await readFile(process.argv[2]));
const utf8 = new TextEncoder();
const CONTEXT = { tenant_id: "acme", version: 7, actor_type: "USER" };

/** Answers one call with a fresh instance, as the platform does. `bytes` is the envelope. */
function run(bytes, answers = []) {
  const logs = [];
  const calls = [];
  let memory;
  let exports;
  const text = (ptr, len) => new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(memory.buffer, ptr >>> 0, len >>> 0));
  const give = (given) => {
    const ptr = exports.alloc(given.length) >>> 0;
    new Uint8Array(memory.buffer).set(given, ptr);
    return (BigInt(ptr) << 32n) | BigInt(given.length);
  };
  const env = {
    host_log: (level, ptr, len) => logs.push([level, text(ptr, len)]),
    host_context: () => give(utf8.encode(JSON.stringify(CONTEXT))),
    host_call: (ptr, len) => {
      calls.push(JSON.parse(text(ptr, len)));
      return give(utf8.encode(JSON.stringify(answers.shift())));
    },
  };
  exports = new WebAssembly.Instance(module, { env }).exports;
  memory = exports.memory;
  const pages = memory.buffer.byteLength;
  const at = give(bytes);
  let result;
  try {
    const packed = exports.run(Number(at >> 32n), Number(at & 0xffffffffn));
    result = text(Number((packed >> 32n) & 0xffffffffn), Number(packed & 0xffffffffn));
  } catch (trap) {
    return { trap, logs };
  }
  return { result, logs, calls, grew: memory.buffer.byteLength > pages };
}

const raw = (op, json) => run(utf8.encode(`{"arguments":{"op":"${op}","value":${json}}}`));
const ask = (op, value) => JSON.parse(raw(op, JSON.stringify(value)).result);
const refusal = (op, value) => ask(op, value).$error;

let seed = 42;
/** The same numbers in every run. */
function random(below) {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

function randomText() {
  const pieces = ["a", "Z", " ", "\"", "\\", "/", "\b", "\f", "\n", "\r", "\t", "\u0000", "\u001f", "\u007f", "é", "ß", "\u2028", "漢", "😀", "\u{10ffff}", "\ufffd"];
  return Array.from({ length: random(12) }, () => pieces[random(pieces.length)]).join("");
}

function randomValue(depth) {
  switch (random(depth > 0 ? 8 : 5)) {
    case 0: return null;
    case 1: return random(2) === 1;
    case 2: return random(2) === 1 ? random(1e6) - 5e5 : randomF64();
    case 3:
    case 4: return randomText();
    case 5:
    case 6: return Array.from({ length: random(6) }, () => randomValue(depth - 1));
    default: return Object.fromEntries(Array.from({ length: random(6) }, () => [randomText(), randomValue(depth - 1)]));
  }
}

function randomF64() {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, random(2 ** 32));
  view.setUint32(4, random(2 ** 32));
  const value = view.getFloat64(0);
  return Number.isFinite(value) ? value : 0.5;
}

function bitsOf(value) {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16);
}

const tests = {
  "documents go through as they came, and rebuilt as they mean"() {
    for (let i = 0; i < 1500; ++i) {
      const value = randomValue(4);
      const json = JSON.stringify(value);
      assert.equal(raw("echo", json).result, json);
      assert.deepEqual(ask("rebuild", value), JSON.parse(json.replaceAll("-0,", "0,")), json);
    }
  },
  "space between tokens is no matter"() {
    assert.deepEqual(JSON.parse(raw("rebuild", ' \t\r\n{ "a" : [ 1 , 2 ] , "b" : { } , "c" : [ ] } ').result), { a: [1, 2], b: {}, c: [] });
  },
  "every escape is read, and texts are escaped again"() {
    const json = '"\\u0041\\u00e9\\u6f22\\ud83d\\ude00\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u001F"';
    assert.equal(JSON.parse(raw("string", json).result), JSON.parse(json));
    assert.equal(raw("string", json).result, '"Aé漢😀\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f"');
    assert.equal(ask("half", 0), "a\ufffdb", "half of a pair is replaced: UTF-8 cannot hold it");
  },
  "decimals become the nearest f64"() {
    const hard = ["0.1", "1e23", "8.5e22", "9007199254740993", "9007199254740992.5", "2.2250738585072011e-308", "2.2250738585072012e-308", "2.2250738585072014e-308",
      "5e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "1e-400", "1e-99999999999", "1.7976931348623157e308", "1.7976931348623158e308", "123456789012345678901234567890",
      "0.000000000000000000000000000000000000000001e42", "6929495644600919.5", "3.237883913302901e-319", "1e22", "1e-22", "-0.0", "-1.5E+3", "0e999999", "4503599627370496.5",
      "4503599627370497.5", "0." + "0".repeat(400) + "1e400", "1" + "0".repeat(300) + "e-300", "9007199254740993." + "0".repeat(900) + "1", "9007199254740992." + "9".repeat(900)];
    for (const text of hard) assert.equal(JSON.parse(raw("f64", text).result), bitsOf(Number(text)), text);
    for (let i = 0; i < 6000; ++i) {
      const value = randomF64();
      for (const text of [String(value), value.toExponential(random(25)), value.toPrecision(1 + random(40))]) {
        if (Number.isFinite(Number(text))) assert.equal(JSON.parse(raw("f64", text).result), bitsOf(Number(text)), text);
      }
    }
  },
  "an f64 that is written reads as the same"() {
    for (let i = 0; i < 3000; ++i) {
      const value = randomF64();
      assert.equal(bitsOf(ask("rebuild", value)), bitsOf(value), String(value));
    }
    assert.equal(ask("decimal", 5), "5");
    assert.equal(ask("decimal", 17.5), "17.5");
    assert.match(refusal("f64", null).invalid_input, /expected a number/);
    assert.match(JSON.parse(raw("f64", "1e999").result).$error.invalid_input, /expected a number, got 1e999/);
  },
  "whole numbers are exact to their last digit"() {
    for (const text of ["0", "-0", "9223372036854775807", "-9223372036854775808", "12.0", "1.5e1"]) {
      assert.equal(JSON.parse(raw("i64", text).result), String(text.includes(".") ? Number(text) : BigInt(text)), text);
    }
    assert.equal(JSON.parse(raw("u64", "18446744073709551615").result), "18446744073709551615");
    for (const [op, texts] of Object.entries({
      i64: ["9223372036854775808", "-9223372036854775809", "1.5", "1e400", "18446744073709551616", "100000000000000000000000", '"1"', "null", "true"],
      u64: ["-1", "18446744073709551616", "99999999999999999999", "184467440737095516150", "0.5"],
      i32: ["2147483648", "-2147483649"],
      u32: ["4294967296", "-1"],
    })) {
      for (const text of texts) assert.match(JSON.parse(raw(op, text).result).$error.invalid_input, /^\/value: expected a whole number from/, `${op} ${text}`);
    }
    assert.deepEqual([ask("i32", -2147483648), ask("u32", 4294967295)], [-2147483648, 4294967295]);
    assert.equal(raw("echo", "123456789012345678901234567890.10").result, "123456789012345678901234567890.10", "what is not read is not rounded");
  },
  "what does not fit is named with its place"() {
    assert.equal(ask("deep", { list: [0, { "a/b~c": 3 }] }), 3);
    assert.equal(refusal("deep", { list: [0, { "a/b~c": "x" }] }).invalid_input, '/value/list/1/a~1b~0c: expected a whole number from 0 to 4294967295, got "x"');
    assert.equal(refusal("missing", { list: [0, {}] }).invalid_input, "missing field `count` in /value/list/1");
    assert.equal(refusal("missing", {}).invalid_input, "missing field `count` in /value/list/1");
    assert.equal(run(utf8.encode('{"arguments":{}}')).result, '{"$error":{"invalid_input":"missing field `op`"}}');
    assert.equal(refusal("string", [1]).invalid_input, "/value: expected a text, got an array");
    assert.equal(refusal("bool", "yes").invalid_input, '/value: expected true or false, got "yes"');
    assert.equal(refusal("foreign", 0).failed, "/a: expected a text, got 1", "what the rule read from elsewhere is not the caller's fault");
    assert.deepEqual([ask("choice", { unit: "foot" }), ask("choice", {})], [1, -1]);
    assert.equal(refusal("choice", { unit: "ell" }).invalid_input, "/value/unit: unknown variant `ell`, expected one of `metre`, `foot`");
    assert.equal(refusal("choice", { unit: 1 }).invalid_input, "/value/unit: expected one of `metre`, `foot`, got 1");
    assert.deepEqual([ask("or", {}), ask("or", { x: null }), ask("or", { x: "y" })], ["none", "none", "y"]);
    assert.equal(raw("or", '{"x":"first","x":"last"}').result, '"last"');
  },
  "typed values are written as what they are"() {
    const { result } = raw("typed", "0");
    assert.equal(result, '{"i32":-5,"u64":18446744073709551615,"i64":-9223372036854775808,"f64":0.1,"f32":0.5,"yes":true,"no":false,"names":["a","b\\"c"],"numbers":[1.5,-0.25],"missing":null,"again":2}');
    assert.match(refusal("nan", 0).failed, /NaN is no number of JSON/);
    assert.equal(ask("text", { a: ["é"] }), '{"a":["é"]}');
  },
  "nesting is bounded, in and out"() {
    const deep = (depth) => "[".repeat(depth) + "]".repeat(depth);
    assert.equal(raw("echo", deep(126)).result, deep(126));
    assert.match(JSON.parse(raw("echo", deep(127)).result).$error.invalid_input, /nested deeper than 128 at byte/);
    assert.match(JSON.parse(raw("echo", "[".repeat(100_000)).result).$error.invalid_input, /nested deeper than 128/);
    assert.match(JSON.parse(raw("echo", '{"a":'.repeat(100_000)).result).$error.invalid_input, /nested deeper than 128/);
    assert.equal(raw("nested", "128").result, deep(128));
    assert.match(refusal("nested", 129).failed, /nested deeper than 128/);
  },
  "what is no JSON is refused, and where"() {
    const wrong = ["", " ", "{", "[", '"', '"a', "nul", "truE", "fals", "fxlse", "tru", "+1", "01", "1.", ".5", "1e", "1e+", "-", "--1", "[1,]", "[1 2]", '{"a"}', '{"a":}', '{"a":1,}', "{a:1}", "{}{}", "[]]", "'a'", "NaN", "\ufeff{}",
      '"\\x"', '"\\u12"', '"\\u12g4"', '"\\ud800"', '"\\ud800x"', '"\\ud800\\u0041"', '"\\udc00"', '"\\', '"\\u', "\"\n\"", "\"\u0000\""];
    for (const text of wrong) {
      assert.match(JSON.parse(run(utf8.encode(text)).result).$error.invalid_input, /^the input is no JSON: .* at byte \d+$/, text);
      assert.throws(() => JSON.parse(text.includes("\\ud") || text.includes("\\udc") ? "x" : text), text);
      assert.match(refusal("parse", text).rejected, / at byte \d+$/, text);
    }
    assert.equal(JSON.parse(run(utf8.encode('{"a": tru}')).result).$error.invalid_input, "the input is no JSON: expected a value at byte 6");
    assert.deepEqual(ask("parse", ' {"a":[1]} '), { a: [1] });
  },
  "invalid UTF-8 is refused wherever a text may stand"() {
    const bad = [[0x80], [0xc0, 0x80], [0xc1, 0xbf], [0xc3], [0xc3, 0x28], [0xe0, 0x9f, 0xbf], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xf0, 0x8f, 0xbf, 0xbf], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xff], [0xfe]];
    for (const bytes of bad) {
      for (const [before, after] of [['{"arguments":"', '"}'], ['{"', '":1}'], ['"', ""]]) {
        const { result } = run(new Uint8Array([...utf8.encode(before), ...bytes, ...utf8.encode(after)]));
        assert.match(JSON.parse(result).$error.invalid_input, /no JSON: (invalid UTF-8|a text without its end)/, `${bytes}`);
      }
    }
    for (const text of ["\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}"]) assert.equal(ask("string", text), text);
  },
  "damaged documents never trap"() {
    for (let i = 0; i < 3000; ++i) {
      const bytes = utf8.encode(`{"arguments":{"op":"rebuild","value":${JSON.stringify(randomValue(3))}}}`);
      for (let n = 1 + random(3); n > 0; --n) bytes[random(bytes.length)] = random(256);
      const { result, trap } = run(bytes.subarray(0, random(4) === 0 ? random(bytes.length) : bytes.length));
      assert.equal(trap, undefined, String(trap));
      JSON.parse(result);
    }
  },
  "errors, logs, context and host calls take their forms"() {
    assert.deepEqual([refusal("rejected", "no ü"), refusal("invalid", "x"), refusal("failed", "y")], [{ rejected: "no ü" }, { invalid_input: "x" }, { failed: "y" }]);
    assert.deepEqual(raw("log", '"é"').logs, [[0, "0"], [1, "1"], [2, "2"], [3, "3"], [4, "é"]]);
    assert.equal(ask("context", 0), "acme/7");
    const bytes = utf8.encode('{"arguments":{"op":"host","value":{"id":"o-1"}}}');
    const { result, calls } = run(bytes, [{ ok: { total: 5 } }]);
    assert.deepEqual([JSON.parse(result), calls], [{ total: 5 }, [{ service: "orders", method: "get", request: { id: "o-1" } }]]);
    for (const [answer, text] of [
      [{ error: { denied: "not granted" } }, "host call: denied: not granted"],
      [{ error: { budget_exhausted: "" } }, "host call: budget_exhausted"],
      ["?", 'host call: failed: "?"'],
    ]) assert.equal(JSON.parse(run(bytes, [answer]).result).$error.failed, text);
  },
  "what cannot go on says why and traps"() {
    const { trap, logs } = raw("throw", '"out of paper"');
    assert.ok(trap instanceof WebAssembly.RuntimeError);
    assert.match(logs[0][1], /^aborted: out of paper at assembly\/index\.ts:\d+:\d+$/);
  },
  "a small call never grows its memory, a large one does"() {
    const lines = Array.from({ length: 40 }, (_, i) => ({ sku: `A-${i}`, quantity: i, price: 10.5, note: "größer" }));
    assert.equal(raw("rebuild", JSON.stringify(lines)).grew, false);
    assert.equal(ask("fill", 2_000_000).length, 2_000_000);
    assert.equal(ask("string", "ü".repeat(1_000_000)).length, 1_000_000);
  },
  "alloc answers 0 when there is no memory"() {
    const { alloc } = new WebAssembly.Instance(module, { env: { host_log() {}, host_context() {}, host_call() {} } }).exports;
    assert.deepEqual([alloc(-1), alloc(-2147483648), alloc(2147483647)], [0, 0, 0]);
    const blocks = [];
    for (let at = alloc(1 << 29) >>> 0; at !== 0; at = alloc(1 << 29) >>> 0) blocks.push(at);
    assert.ok(blocks.length > 4 && new Set(blocks).size === blocks.length, `${blocks}`);
    assert.ok(alloc(0) >>> 0 > 0);
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    test();
    console.log(`ok ${name}`);
  } catch (error) {
    ++failed;
    console.log(`FAILED ${name}\n${error.stack}`);
  }
}
process.exitCode = failed > 0 ? 1 : 0;
