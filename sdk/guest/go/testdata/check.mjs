// Stands in for the host of a world: says what a guest of this SDK gets and gives in memory.
// Usage: node check.mjs LAB.wasm
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const strings = { 0: "acme", 8: "org", 16: "kim", 28: "session", 36: "correlation", 44: "prod", 56: "lab", 72: "Point" };

// One call; `answer` is the JSON of the platform's API, or the case of call-error.
function call(answer) {
  const told = { lines: [], calls: [] };
  let guest;
  const view = () => new DataView(guest.memory.buffer);
  const text = (start, size) => new TextDecoder().decode(new Uint8Array(guest.memory.buffer, start, size));
  const put = (value) => {
    const bytes = new TextEncoder().encode(value);
    const start = guest.cabi_realloc(0, 0, 1, bytes.length);
    new Uint8Array(guest.memory.buffer, start, bytes.length).set(bytes);
    return [start, bytes.length];
  };
  const pair = (at, [start, size]) => {
    view().setUint32(at, start, true);
    view().setUint32(at + 4, size, true);
  };
  const imports = {
    "ameide:extensions/context@1.0.0": {
      current(at) {
        for (const [offset, value] of Object.entries(strings)) pair(at + Number(offset), put(value));
        view().setUint8(at + 24, 1);
        view().setUint8(at + 52, 2);
        view().setBigUint64(at + 64, 7n, true);
        view().setUint32(at + 80, 1234, true);
      },
    },
    "ameide:extensions/logging@1.0.0": {
      log: (level, start, size) => told.lines.push([level, text(start, size)]),
    },
    "ameide:extensions/host-calls@1.0.0": {
      call(service, serviceSize, method, methodSize, request, requestSize, at) {
        told.calls.push([text(service, serviceSize), text(method, methodSize), text(request, requestSize)]);
        const refused = typeof answer === "number";
        // A case without a payload leaves anything behind; the guest must not look there.
        const payload = !refused ? put(answer) : [1, 4].includes(answer) ? [0xdead0000, 0xffff] : put("why");
        view().setUint8(at, refused ? 1 : 0);
        if (refused) view().setUint8(at + 4, answer);
        pair(at + (refused ? 8 : 4), payload);
      },
    },
  };
  guest = new WebAssembly.Instance(module, imports).exports;
  guest._initialize();
  const at = guest.run(...put("Task"), ...put('{"x":1}'));
  const failed = view().getUint8(at) === 1;
  const from = failed ? at + 8 : at + 4;
  const body = text(view().getUint32(from, true), view().getUint32(from + 4, true));
  return { ...told, ...(failed ? { reason: view().getUint8(at + 4), body } : { body: JSON.parse(body) }) };
}

const fine = call('{"total":[1,2.5]}');
assert.deepEqual(fine.lines, [[3, "in Task for acme, AGENT"]]);
assert.deepEqual(fine.calls, [["orders", "get", '{"x":1}']]);
assert.deepEqual(fine.body, {
  answer: { total: [1, 2.5] },
  known: {
    TenantID: "acme", OrgID: "org", UserID: "kim", ActorType: 1, SessionID: "session", CorrelationID: "correlation",
    Env: "prod", RiskTier: 2, ExtensionID: "lab", Version: 7, HookPoint: "Point", DeadlineMS: 1234,
  },
});
const refusals = ["denied: why", "no host calls left", "not found: why", "failed: why", "no time left"];
refusals.forEach((words, number) => {
  const { reason, body } = call(number);
  assert.deepEqual([reason, body], [2, `host call: ${words}`]);
});
assert.equal(call("[1]").body, "host call: unfit JSON: answer of orders.get: invalid type: a list, expected an object");
console.log("8 calls behaved");
