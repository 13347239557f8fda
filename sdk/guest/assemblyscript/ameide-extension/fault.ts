// The first thing that went wrong in this call.
//
// AssemblyScript has no exceptions: a getter that meets a value of the wrong
// type notes it here and answers a default. Input is read before the author's
// function is called, and a fault by then keeps it from being called at all.

/** The input is not what the extension expects. */
export const INVALID_INPUT: string = "invalid_input";
/** The extension itself failed. */
export const FAILED: string = "failed";

let kind: string = "";
let text: string = "";

/** Notes a fault; only the first one counts. */
export function note(faultKind: string, faultText: string): void {
  if (kind.length > 0) return;
  kind = faultKind;
  text = faultText;
}

/** Whether anything went wrong. */
export function noted(): bool {
  return kind.length > 0;
}

/** `invalid_input` or `failed`. */
export function notedKind(): string {
  return kind;
}

/** What went wrong, for a person. */
export function notedText(): string {
  return text;
}
