/** Every error that leaves this package, sorted by who can act on it. */

/**
 * What all our errors share. `code` is stable and meant for programs; the message names the offending value and
 * the remedy and is meant for people.
 */
export abstract class UnabridgedError extends Error {
  abstract readonly kind: "config" | "model" | "sandbox" | "budget" | "store";
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

export type ConfigErrorCode =
  | "invalid_option"
  | "invalid_input"
  | "not_found"
  | "unreadable"
  | "empty_corpus"
  | "no_model"
  | "missing_key"
  | "unknown_model"
  | "missing_dependency"
  | "window_too_small";

/** The user can act: an option, a path, a key or an input is wrong. The CLI exits with 2. */
export class ConfigError extends UnabridgedError {
  readonly kind = "config";
  declare readonly code: ConfigErrorCode;
  constructor(code: ConfigErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

export type ModelErrorCode =
  | "auth"
  | "unknown_model"
  | "rate_limited"
  | "overloaded"
  | "context_overflow"
  | "refused"
  | "bad_request"
  | "bad_response"
  | "unreachable"
  | "timeout";

/** The provider of a model failed or refused. `retryable` says whether the same call may succeed later. */
export class ModelError extends UnabridgedError {
  readonly kind = "model";
  declare readonly code: ModelErrorCode;
  readonly retryable: boolean;
  readonly status: number | undefined;
  /** How long the provider asked us to wait, when it said so. */
  readonly retryAfterMs: number | undefined;
  constructor(
    code: ModelErrorCode,
    message: string,
    options: ErrorOptions & { retryable?: boolean; status?: number; retryAfterMs?: number } = {},
  ) {
    super(code, message, options);
    this.retryable = options.retryable ?? retryableCodes.has(code);
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}

const retryableCodes: ReadonlySet<ModelErrorCode> = new Set([
  "rate_limited",
  "overloaded",
  "bad_response",
  "unreachable",
  "timeout",
]);

export type SandboxErrorCode = "unavailable" | "crashed" | "closed";

/** Our cage failed. Guest code that throws is not an error: it is an ExecutionResult. */
export class SandboxError extends UnabridgedError {
  readonly kind = "sandbox";
  declare readonly code: SandboxErrorCode;
  constructor(code: SandboxErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

export type BudgetErrorCode = "cost" | "tokens" | "calls" | "time" | "depth" | "iterations";

/** A limit was reached before the next act; nothing above it was spent. */
export class BudgetError extends UnabridgedError {
  readonly kind = "budget";
  declare readonly code: BudgetErrorCode;
  readonly limit: number;
  readonly spent: number;
  constructor(
    code: BudgetErrorCode,
    message: string,
    amounts: { limit: number; spent: number },
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    this.limit = amounts.limit;
    this.spent = amounts.spent;
  }
}

export type StoreErrorCode =
  | "unavailable"
  | "busy"
  | "newer_schema"
  | "not_found"
  | "version_conflict"
  | "key_conflict"
  | "invalid_context"
  | "disk_full"
  | "corrupt";

/** What is stored cannot be read or written. */
export class StoreError extends UnabridgedError {
  readonly kind = "store";
  declare readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

export function isUnabridgedError(error: unknown): error is UnabridgedError {
  return error instanceof UnabridgedError;
}

/** The message of anything thrown, for a place that only has room for text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
