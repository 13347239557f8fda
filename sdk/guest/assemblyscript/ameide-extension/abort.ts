// What AssemblyScript itself calls: abort() when a program cannot go on (throw, assert,
// an index out of range), trace() when an author asks.

import { log } from "./log";

/** Tells the tenant's log why and where, then traps. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const where = file == null ? "" : " at " + file + ":" + line.toString() + ":" + column.toString();
  log.error("aborted: " + (message == null ? "no message" : message) + where);
  unreachable();
}

/** AssemblyScript's own trace(): a line of the log. */
export function trace(message: string, n: i32 = 0, a0: f64 = 0, a1: f64 = 0, a2: f64 = 0, a3: f64 = 0, a4: f64 = 0): void {
  let line = message;
  if (n > 0) line += " " + a0.toString();
  if (n > 1) line += " " + a1.toString();
  if (n > 2) line += " " + a2.toString();
  if (n > 3) line += " " + a3.toString();
  if (n > 4) line += " " + a4.toString();
  log.trace(line);
}
