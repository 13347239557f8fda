// Lines to the tenant's own log stream.

import { host_log } from "./imports";

/** Appends lines; those beyond the extension's log quota are dropped whole. */
export namespace log {
  /** Every step, for the author. */
  export function trace(message: string): void { line(0, message); }
  /** What helps to find a fault. */
  export function debug(message: string): void { line(1, message); }
  /** What happened. */
  export function info(message: string): void { line(2, message); }
  /** What someone should look at. */
  export function warn(message: string): void { line(3, message); }
  /** What went wrong. */
  export function error(message: string): void { line(4, message); }
}

function line(level: i32, message: string): void {
  const bytes = String.UTF8.encode(message);
  host_log(level, changetype<usize>(bytes), bytes.byteLength);
}
