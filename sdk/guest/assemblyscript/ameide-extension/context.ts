// Who calls and where: read-only, without secrets.

import { host_context } from "./imports";
import { parse } from "./json/parse";
import { Json } from "./json/value";

/** The context of the running call; what is absent is empty. */
@final
export class Context {
  tenantId: string;
  orgId: string;
  userId: string;
  /** `USER`, `AGENT` or `SYSTEM`. */
  actorType: string;
  sessionId: string;
  correlationId: string;
  /** `dev`, `staging` or `prod`. */
  env: string;
  riskTier: string;
  extensionId: string;
  version: u32;
  /** The hook point, task or tool that was called. */
  hookPoint: string;
  /** How much time the call has left, in milliseconds. */
  deadlineMs: u32;

  constructor(json: Json) {
    this.tenantId = json.get("tenant_id").orString("");
    this.orgId = json.get("org_id").orString("");
    this.userId = json.get("user_id").orString("");
    this.actorType = json.get("actor_type").orString("");
    this.sessionId = json.get("session_id").orString("");
    this.correlationId = json.get("correlation_id").orString("");
    this.env = json.get("env").orString("");
    this.riskTier = json.get("risk_tier").orString("");
    this.extensionId = json.get("extension_id").orString("");
    this.version = json.get("version").orU32(0);
    this.hookPoint = json.get("hook_point").orString("");
    this.deadlineMs = json.get("deadline_ms").orU32(0);
  }
}

let known: Context | null = null;

/** The context of the running call. */
export function context(): Context {
  let read = known;
  if (read == null) {
    const at = host_context();
    const json = parse(<usize>(at >>> 32), <i32>at);
    assert(json != null, "the platform's context is no JSON");
    read = new Context(json!);
    known = read;
  }
  return read;
}
