/** Reads what went wrong out of anything a provider library throws, and says it as one ModelError with a remedy. */
import { APICallError } from "@ai-sdk/provider";
import { ModelError, messageOf, type ModelErrorCode } from "../core/errors.ts";
import { isPlainObject } from "../core/json.ts";
import { retryAfterMs } from "./retry-after.ts";

/** What an error message may tell of the call. The key itself is only here to be struck out. */
export interface CallPlace {
  readonly modelId: string;
  readonly host: string;
  /** Where the key came from, for instance "OPENAI_API_KEY". */
  readonly keySource: string | undefined;
  readonly secrets: readonly string[];
}

/** Turns what was thrown into a ModelError. Prompts and keys never get into it. */
export function toModelError(thrown: unknown, place: CallPlace): ModelError {
  if (thrown instanceof ModelError) return placed(thrown, place);
  const facts = factsOf(thrown);
  const code = codeOf(facts);
  const spent =
    /insufficient_quota|exceeded your current quota|billing|credit/i.test(facts.text) && facts.status !== 200;
  const unpaid = facts.status === 402 || (spent && (code === "rate_limited" || code === "auth"));
  const wait =
    code === "rate_limited" || code === "overloaded" ? retryAfterMs(facts.headers, facts.text) : undefined;
  const about =
    facts.status === undefined || facts.status === 200 ? place.host : `${facts.status} from ${place.host}`;
  const said = redact(sentence(facts), place.secrets)
    .replace(/[\s.]+$/, "")
    .slice(0, 400);
  const remedy = unpaid ? "Add credit to the account, or use another model." : remedyOf(code, place, facts);
  return new ModelError(
    unpaid ? "auth" : code,
    `${happened[code]} (model "${place.modelId}", ${about}: ${said}). ${remedy}`,
    {
      ...(facts.status !== undefined && facts.status !== 200 && { status: facts.status }),
      ...(wait !== undefined && { retryAfterMs: wait }),
      ...(facts.mistake && { retryable: false }),
      // The library's own error holds the whole prompt; only what lies beneath it (a socket's error) is kept.
      ...(facts.network !== undefined && { cause: facts.network }),
    },
  );
}

/** A reply that was read and found wanting says so without knowing where it came from. */
function placed(error: ModelError, { modelId, host }: CallPlace): ModelError {
  const { code, retryable, status, retryAfterMs: wait, cause } = error;
  return new ModelError(code, `${error.message} (Model "${modelId}" at ${host}.)`, {
    retryable,
    ...(status !== undefined && { status }),
    ...(wait !== undefined && { retryAfterMs: wait }),
    ...(cause !== undefined && { cause }),
  });
}

/** A parser's message repeats the reply, which may be long and is not ours to log. */
function sentence(facts: Facts): string {
  return badReplies.test(facts.kind) ? (facts.message.split(/[:\n]/)[0] ?? "") : facts.message;
}

const happened: Readonly<Record<ModelErrorCode, string>> = {
  auth: "The provider did not accept the key",
  unknown_model: "The provider does not know the model",
  rate_limited: "The provider's rate limit was reached",
  overloaded: "The provider failed or is overloaded",
  context_overflow: "The request is larger than the model's window",
  refused: "The provider refused the request by its content filter",
  bad_request: "The provider rejected the request",
  bad_response: "The provider's reply could not be used",
  unreachable: "The provider could not be reached",
  timeout: "The provider did not answer in time",
};

function remedyOf(code: ModelErrorCode, place: CallPlace, facts: Facts): string {
  switch (code) {
    case "auth":
      return place.keySource === undefined
        ? "No key was configured for it: set one, for instance in UNABRIDGED_API_KEY."
        : `Check the key; it came from ${place.keySource}.`;
    case "unknown_model":
      return "Check the model's id with the provider, and that the base URL ends where its API begins (often in /v1).";
    case "rate_limited":
      return "It can be sent again later; a lower --concurrency avoids it.";
    case "overloaded":
      return "It can be sent again later.";
    case "context_overflow":
      return "Send less text at once, or state the true window with --context-window or --sub-context-window.";
    case "refused":
      return "Rephrase it, or use another model.";
    case "bad_request":
      return "The message names what it did not accept.";
    case "bad_response":
      return facts.mistake
        ? "This looks like a fault of the provider's adapter."
        : "It can be sent again; if it persists, the server does not speak the expected dialect.";
    case "unreachable":
      return "Check that the server runs and the base URL is right.";
    case "timeout":
      return "It can be sent again; --call-timeout sets how long a call may take.";
  }
}

interface Facts {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** For people. */
  readonly message: string;
  /** Everything the provider said, for matching. */
  readonly text: string;
  /** The socket's error, where there was one. */
  readonly network: Error | undefined;
  readonly kind: string;
  /** True where an adapter failed by itself. */
  readonly mistake: boolean;
}

function factsOf(thrown: unknown): Facts {
  const network = networkErrorIn(thrown);
  const kind = thrown instanceof Error ? thrown.name : "";
  if (APICallError.isInstance(thrown)) {
    const vendor = vendorErrorIn(thrown.responseBody);
    return {
      // A gateway may wrap a failure in a 200 and name the true status inside.
      status: thrown.statusCode === 200 ? (vendor?.status ?? 200) : thrown.statusCode,
      headers: thrown.responseHeaders ?? {},
      message: (network ?? vendor)?.message || thrown.message || `status ${thrown.statusCode ?? "unknown"}`,
      text: `${thrown.message}\n${textOfBody(thrown.responseBody)}`,
      network,
      kind,
      mistake: false,
    };
  }
  const vendor = vendorErrorIn(thrown instanceof Error ? dataOf(thrown) : thrown);
  const message = network?.message ?? vendor?.message ?? messageOf(thrown);
  const text = vendor === undefined ? message : `${message}\n${vendor.text}`;
  const mistake = network === undefined && vendor === undefined && isMistake(thrown);
  return { status: vendor?.status, headers: {}, message, text, network, kind, mistake };
}

/** Declared as text, but some adapters put the parsed body there. */
function textOfBody(body: unknown): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return (text ?? "").slice(0, 4000);
}

/** Errors that code makes by itself: the same request would only make them again. */
function isMistake(thrown: unknown): boolean {
  return thrown instanceof TypeError || thrown instanceof ReferenceError || thrown instanceof RangeError;
}

function dataOf(thrown: Error): unknown {
  return "data" in thrown ? thrown.data : undefined;
}

interface VendorError {
  readonly message: string;
  readonly text: string;
  readonly status: number | undefined;
}

/** The `error` object that nearly all vendors answer with, from a body's text, a stream's chunk or a parsed body. */
function vendorErrorIn(body: unknown): VendorError | undefined {
  if (typeof body === "string") {
    try {
      return vendorErrorIn(JSON.parse(body));
    } catch {
      return undefined; // Many a proxy answers in HTML; its status has to do.
    }
  }
  if (Array.isArray(body)) return vendorErrorIn(body[0]);
  if (!isPlainObject(body)) return undefined;
  const error =
    body["error"] ?? (body["type"] === "error" || "message" in body || "detail" in body ? body : undefined);
  const text = JSON.stringify(body).slice(0, 4000);
  if (typeof error === "string") return { message: error, text, status: undefined };
  if (!isPlainObject(error)) return undefined;
  const message = error["message"] ?? error["detail"] ?? error["type"];
  const status = [error["code"], error["status"], error["status_code"]]
    .map(Number)
    .find((code) => code >= 400 && code < 600);
  return { message: typeof message === "string" ? message : text, text, status };
}

const socketCodes =
  /^(E[A-Z_]+|UND_ERR_(?!ABORTED|INVALID_ARG)[A-Z_]+|ERR_HTTP2[A-Z_]*|ERR_TLS[A-Z_]*|ERR_SSL[A-Z_]*|CERT_[A-Z_]+|DEPTH_ZERO[A-Z_]*|SELF_SIGNED[A-Z_]*|UNABLE_TO[A-Z_]*)$/;

function networkErrorIn(thrown: unknown): (Error & { readonly code: string }) | undefined {
  let current = thrown;
  for (let depth = 0; depth < 6 && current instanceof Error; depth++) {
    const nested: unknown = current instanceof AggregateError ? current.errors[0] : undefined;
    if ("code" in current && typeof current.code === "string" && socketCodes.test(current.code)) {
      const code = current.code;
      return Object.assign(new Error(current.message || messageOf(nested) || code), { code });
    }
    current = current.cause ?? nested;
  }
  return undefined;
}

const overflow =
  /context.?length|context_length|maximum context|context window|context size|prompt is too long|input is too long|too many (input )?tokens|input token count|reduce the length|request too large|exceeds? the (available|maximum|model).{0,40}(context|tokens)|string too long/i;
const filtered =
  /content.?filter|content management policy|content_policy|flagged|moderation|prohibited_content|safety system/i;
const noSuchModel =
  /model_not_found|not a valid model|model .{0,120}(not found|does(n't| not) exist|is not available|not supported|not loaded)|(unknown|no such|invalid) model|no models? loaded|models\/\S+ is not found/i;
const keyTrouble =
  /api.?key not valid|invalid.{0,20}api.?key|api.?key.{0,30}(invalid|missing|expired)|unauthori[sz]ed|authentication/i;
const badReplies = /JSONParse|TypeValidation|InvalidResponseData|EmptyResponseBody|NoContentGenerated/;

function codeOf({ status, text, network, kind }: Facts): ModelErrorCode {
  if (network !== undefined)
    return /TIMEDOUT|(HEADERS|BODY)_TIMEOUT/.test(codeOfSocket(network)) ? "timeout" : "unreachable";
  if (badReplies.test(kind) && status === undefined) return "bad_response";
  if (/LoadAPIKey/.test(kind)) return "auth";
  if (/NoSuchModel/.test(kind)) return "unknown_model";
  if (status === 401) return "auth";
  if (status === 403) return filtered.test(text) ? "refused" : "auth";
  if (status === 402) return "auth";
  if (status === 408 || status === 504 || status === 524) return "timeout";
  if (status === 413) return "context_overflow";
  if (status === 429) return /request too large/i.test(text) ? "context_overflow" : "rate_limited";
  if (status === 200) return "bad_response";
  if (/returned no output/i.test(text)) return "bad_response";
  if (overflow.test(text)) return "context_overflow";
  if (status === 404 || noSuchModel.test(text)) return "unknown_model";
  if (status !== undefined && status >= 500) return "overloaded";
  if (keyTrouble.test(text)) return "auth";
  if (filtered.test(text)) return "refused";
  if (/rate.?limit/i.test(text)) return "rate_limited";
  if (/overloaded|server_error|internal server error/i.test(text)) return "overloaded";
  // Without a status nobody rejected anything: the adapter could not read what came, or not write what was asked.
  const rejected =
    status !== undefined || /InvalidArgument|UnsupportedFunctionality|InvalidPrompt/.test(kind);
  return rejected ? "bad_request" : "bad_response";
}

function codeOfSocket(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

/** Strikes out the key, and what looks like one: vendors repeat parts of it in their messages. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) if (secret.length >= 4) clean = clean.replaceAll(secret, "[key]");
  return clean
    .replace(/\b(sk|rk|pk|gsk|xai|key)-[\w*.-]{6,}/g, "[key]")
    .replace(/\bAIza[\w-]{10,}/g, "[key]")
    .replace(/\bBearer\s+\S+/gi, "Bearer [key]");
}
