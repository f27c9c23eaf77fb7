/** Failures as OpenAI writes them, in both of its dialects. */
import type { JsonObject } from "../core/json.ts";
import type { Failure, FailureKind } from "./failure.ts";

export function openaiFailure({ kind, code, message }: Failure): JsonObject {
  return { error: { message, type: types[kind], param: null, code } };
}

const types: Readonly<Record<FailureKind, string>> = {
  invalid_request: "invalid_request_error",
  authentication: "authentication_error",
  permission: "permission_error",
  not_found: "invalid_request_error",
  too_large: "invalid_request_error",
  rate_limit: "rate_limit_error",
  overloaded: "server_error",
  server: "server_error",
};
