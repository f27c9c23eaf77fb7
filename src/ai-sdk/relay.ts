/** Hands on to the app what the model says, step by step, but for calls of recall: to the app several steps are one reply. */
import type {
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import { isRecallTool } from "../engine/index.ts";

type Finish = Extract<LanguageModelV4StreamPart, { type: "finish" }>;

/** Of a call that is answered whole. */
export class WholeRelay {
  readonly #content: LanguageModelV4Content[] = [];
  #last: LanguageModelV4GenerateResult | undefined;
  #usage: LanguageModelV4Usage | undefined;

  add(result: LanguageModelV4GenerateResult): void {
    this.#content.push(
      ...result.content.filter((part) => part.type !== "tool-call" || !isRecallTool(part.toolName)),
    );
    this.#usage = addUsage(this.#usage, result.usage);
    this.#last = result;
  }

  /** Undefined where the model has said nothing yet. */
  get result(): LanguageModelV4GenerateResult | undefined {
    return this.#last && { ...this.#last, content: this.#content, usage: this.#usage ?? this.#last.usage };
  }
}

/** Of a call whose answer is streamed. */
export class StreamRelay {
  readonly #hidden = new Set<string>();
  readonly #begun = Promise.withResolvers<Omit<LanguageModelV4StreamResult, "stream">>();
  readonly stream: ReadableStream<LanguageModelV4StreamPart>;
  #controller: ReadableStreamDefaultController<LanguageModelV4StreamPart> | undefined;
  #step = 0;
  #finish: Finish | undefined;
  #usage: LanguageModelV4Usage | undefined;
  #isClosed = false;

  /** @param cancel the app reads no further */
  constructor(cancel: (reason: unknown) => void) {
    this.stream = new ReadableStream<LanguageModelV4StreamPart>({
      start: (controller) => void (this.#controller = controller),
      cancel: (reason) => {
        this.#isClosed = true;
        cancel(reason);
      },
    });
    // Whoever asks hears of it; nobody may.
    this.#begun.promise.catch(() => undefined);
  }

  /** Resolves with what came with the first answer's head; rejects where there was none. */
  get begun(): Promise<Omit<LanguageModelV4StreamResult, "stream">> {
    return this.#begun.promise;
  }

  begin({ stream: _, ...head }: LanguageModelV4StreamResult): void {
    this.#step++;
    this.#begun.resolve(head);
  }

  add(part: LanguageModelV4StreamPart): void {
    switch (part.type) {
      case "stream-start":
        if (this.#step === 1) this.#enqueue(part);
        return;
      case "finish":
        this.#finish = part;
        this.#usage = addUsage(this.#usage, part.usage);
        return;
      case "tool-input-start":
        if (isRecallTool(part.toolName)) this.#hidden.add(part.id);
        else this.#enqueue(part);
        return;
      case "tool-input-delta":
      case "tool-input-end":
        if (!this.#hidden.has(part.id)) this.#enqueue(part);
        return;
      case "tool-call":
        if (!isRecallTool(part.toolName)) this.#enqueue(part);
        return;
      case "text-start":
      case "text-delta":
      case "text-end":
      case "reasoning-start":
      case "reasoning-delta":
      case "reasoning-end":
        // Providers number the blocks of each answer anew.
        this.#enqueue(this.#step === 1 ? part : { ...part, id: `${this.#step}:${part.id}` });
        return;
      default:
        this.#enqueue(part);
    }
  }

  /** The reply is complete and kept. */
  end(): void {
    if (this.#finish) this.#enqueue({ ...this.#finish, usage: this.#usage ?? this.#finish.usage });
    this.#close();
  }

  /** Before anything came, the call itself fails; later, what came stays, and the stream says why it ended. */
  fail(error: unknown): void {
    this.#begun.reject(error);
    const isAbort = error instanceof Error && error.name === "AbortError";
    if (isAbort && !this.#isClosed) {
      this.#isClosed = true;
      this.#controller?.error(error);
      return;
    }
    if (this.#step > 0) this.#enqueue({ type: "error", error });
    this.#close();
  }

  #enqueue(part: LanguageModelV4StreamPart): void {
    if (!this.#isClosed) this.#controller?.enqueue(part);
  }

  #close(): void {
    if (!this.#isClosed) this.#controller?.close();
    this.#isClosed = true;
  }
}

/** What a reply has cost is the sum of what its steps have. */
function addUsage(
  before: LanguageModelV4Usage | undefined,
  more: LanguageModelV4Usage,
): LanguageModelV4Usage {
  if (!before) return more;
  const [a, b] = [before.inputTokens, more.inputTokens];
  const [c, d] = [before.outputTokens, more.outputTokens];
  return {
    inputTokens: {
      total: sum(a.total, b.total),
      noCache: sum(a.noCache, b.noCache),
      cacheRead: sum(a.cacheRead, b.cacheRead),
      cacheWrite: sum(a.cacheWrite, b.cacheWrite),
    },
    outputTokens: {
      total: sum(c.total, d.total),
      text: sum(c.text, d.text),
      reasoning: sum(c.reasoning, d.reasoning),
    },
    ...(more.raw && { raw: more.raw }),
  };
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined && b === undefined ? undefined : (a ?? 0) + (b ?? 0);
}
