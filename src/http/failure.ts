/** Everything that can go wrong, as an HTTP status and words that each dialect has a place for. */
import { BudgetError, ConfigError, isUnabridgedError, messageOf, ModelError } from "../core/errors.ts";

/** In words that are no dialect's. */
export interface Failure {
  readonly status: number;
  readonly kind: FailureKind;
  /** Stable, for programs. */
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
  /** False: the same request will fail again, whatever its status says. */
  readonly mayRetry: boolean;
}

export type FailureKind =
  | "invalid_request"
  | "authentication"
  | "permission"
  | "not_found"
  | "too_large"
  | "rate_limit"
  | "overloaded"
  | "server";

/** A request that is refused before anything is done for it. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = "Refusal";
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

export function failureOf(error: unknown): Failure {
  if (error instanceof Refusal) {
    const { status, code, message } = error;
    return { status, kind: kindOf(status), code, message, mayRetry: status === 503 };
  }
  if (error instanceof ModelError) return failureOfModel(error);
  if (error instanceof ConfigError) {
    const missing = error.code === "not_found" || error.code === "unknown_model" || error.code === "no_model";
    const tooLong = error.code === "window_too_small";
    const isModel = missing && error.code !== "not_found";
    const code = tooLong ? "context_length_exceeded" : isModel ? "model_not_found" : error.code;
    const status = missing ? 404 : 400;
    return { status, kind: kindOf(status), code, message: error.message, mayRetry: false };
  }
  if (error instanceof BudgetError)
    return {
      status: 429,
      kind: "rate_limit",
      code: `limit_${error.code}`,
      message: error.message,
      mayRetry: false,
    };
  if (isUnabridgedError(error))
    return {
      status: 500,
      kind: "server",
      code: error.code,
      message: error.message,
      mayRetry: error.code === "busy",
    };
  // Whoever nests without end means harm: none of our own structures is deep.
  if (error instanceof RangeError && error.message.startsWith("Maximum call stack"))
    return {
      ...{ status: 400, kind: "invalid_request", code: "invalid_input", mayRetry: false },
      message: "The request is nested too deeply.",
    };
  // A fault of ours: its text may name files of this machine.
  return {
    ...{ status: 500, kind: "server", code: "internal", mayRetry: false },
    message: "The server failed. Its log says why.",
  };
}

/** What a person who runs the server reads of it. */
export function logLine(error: unknown): string {
  return error instanceof Error && !isUnabridgedError(error) && !(error instanceof Refusal)
    ? (error.stack ?? error.message)
    : messageOf(error);
}

const statusOfModel: Readonly<Record<ModelError["code"], number>> = {
  // The key that failed is the server's, not the client's.
  auth: 502,
  unknown_model: 404,
  rate_limited: 429,
  overloaded: 503,
  context_overflow: 400,
  refused: 400,
  bad_request: 400,
  bad_response: 502,
  unreachable: 502,
  timeout: 504,
};

function failureOfModel({ code, message, retryAfterMs: stated, cause }: ModelError): Failure {
  const retryAfterMs = stated ?? (cause instanceof ModelError ? cause.retryAfterMs : undefined);
  const status = statusOfModel[code];
  return {
    ...{ status, kind: code === "overloaded" ? "overloaded" : kindOf(status), message, retryAfterMs },
    code:
      code === "context_overflow"
        ? "context_length_exceeded"
        : code === "unknown_model"
          ? "model_not_found"
          : code,
    // The door has tried again as often as made sense.
    mayRetry: code === "rate_limited" || code === "overloaded",
  };
}

function kindOf(status: number): FailureKind {
  switch (status) {
    case 401:
      return "authentication";
    case 403:
      return "permission";
    case 404:
      return "not_found";
    case 413:
      return "too_large";
    case 429:
      return "rate_limit";
    case 503:
      return "overloaded";
    default:
      return status >= 500 ? "server" : "invalid_request";
  }
}
