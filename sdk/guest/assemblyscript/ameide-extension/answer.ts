// What a rule answers: a verdict, variables or a result, or why there is none.

import * as fault from "./fault";
import { Json } from "./json/value";
import { Writer } from "./json/write";

/** An answer that can be written. */
export abstract class Answer {
  /** Why there is none: `rejected`, `invalid_input` or `failed`; empty when there is one. */
  errorKind: string = "";
  errorText: string = "";

  write(out: Writer): void {
    if (this.errorKind.length > 0) fault.note(this.errorKind, this.errorText);
    else this.writeBody(out);
  }

  protected abstract writeBody(out: Writer): void;
}

/** What a domain hook says about one entity. It is ok until the first error(); refuse() says no without a message. */
@final
export class Verdict extends Answer {
  private refused: bool = false;
  private messages: Json = Json.array();
  private fields: Json = Json.object();

  /** The rule does not apply or refuses as a whole; `text` is shown to the user as it stands. */
  static rejected(text: string): Verdict { return Verdict.without("rejected", text); }
  /** The entity is not what this extension expects. */
  static invalidInput(text: string): Verdict { return Verdict.without("invalid_input", text); }
  /** The extension itself failed; `text` goes to its author. */
  static failed(text: string): Verdict { return Verdict.without("failed", text); }

  /** Says no, and why. `path` is a JSON pointer into the entity, empty for the whole of it. */
  error(code: string, text: string, path: string = ""): Verdict {
    this.refused = true;
    return this.message("error", code, text, path);
  }

  /** Says what the user should look at; the command goes on. */
  warning(code: string, text: string, path: string = ""): Verdict {
    return this.message("warning", code, text, path);
  }

  /** Says what the user may like to know. */
  info(code: string, text: string, path: string = ""): Verdict {
    return this.message("info", code, text, path);
  }

  /** Says no without a message of its own. */
  refuse(): Verdict {
    this.refused = true;
    return this;
  }

  /** Asks the caller to set `field` of the entity; the last value of a field wins. */
  set<T>(field: string, value: T): Verdict {
    this.fields.set<T>(field, value);
    return this;
  }

  /** Whether the command may go on. */
  get isOk(): bool {
    return !this.refused;
  }

  private message(severity: string, code: string, text: string, path: string): Verdict {
    this.messages.push(Json.object().set("code", code).set("severity", severity).set("text", text).set("path", path));
    return this;
  }

  private static without(kind: string, text: string): Verdict {
    const verdict = new Verdict();
    verdict.errorKind = kind;
    verdict.errorText = text;
    return verdict;
  }

  protected writeBody(out: Writer): void {
    out.ascii(this.refused ? "{\"ok\":false,\"messages\":" : "{\"ok\":true,\"messages\":");
    out.json(this.messages, 1);
    out.ascii(",\"derivedFields\":");
    out.json(this.fields, 1);
    out.byte(0x7d);
  }
}

/** The variables that a process hook sets. One that is not named stays as it is. */
@final
export class Variables extends Answer {
  private values: Json = Json.object();

  /** The step is refused; `text` is shown to the user as it stands. */
  static rejected(text: string): Variables { return Variables.without("rejected", text); }
  /** The variables are not what this extension expects. */
  static invalidInput(text: string): Variables { return Variables.without("invalid_input", text); }
  /** The extension itself failed; `text` goes to its author. */
  static failed(text: string): Variables { return Variables.without("failed", text); }

  /** Sets a variable. */
  set<T>(name: string, value: T): Variables {
    this.values.set<T>(name, value);
    return this;
  }

  /** Clears a variable. */
  clear(name: string): Variables {
    this.values.set<Json>(name, Json.nil());
    return this;
  }

  private static without(kind: string, text: string): Variables {
    const variables = new Variables();
    variables.errorKind = kind;
    variables.errorText = text;
    return variables;
  }

  protected writeBody(out: Writer): void {
    out.json(this.values, 0);
  }
}

/** What an agent's tool answers. */
@final
export class Result extends Answer {
  /** The answer itself, any JSON. */
  constructor(private value: Json) {
    super();
  }

  /** A result from a number, a boolean, a string, a Json or an array of these. */
  static of<T>(value: T): Result { return new Result(Json.of<T>(value)); }

  /** The tool refuses; the model reads `text`. */
  static rejected(text: string): Result { return Result.without("rejected", text); }
  /** The arguments are not what this tool expects. */
  static invalidInput(text: string): Result { return Result.without("invalid_input", text); }
  /** The tool itself failed; `text` goes to its author. */
  static failed(text: string): Result { return Result.without("failed", text); }

  private static without(kind: string, text: string): Result {
    const result = new Result(Json.nil());
    result.errorKind = kind;
    result.errorText = text;
    return result;
  }

  protected writeBody(out: Writer): void {
    out.json(this.value, 0);
  }
}
