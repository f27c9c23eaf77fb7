/** The library's front door: what asks, what resumes, what is stored. It hands the parts of the program to one another. */
import type { ContextInput } from "../core/context.ts";
import type { Corpus } from "../core/corpus.ts";
import { ConfigError } from "../core/errors.ts";
import { asRunId, newRunId } from "../core/ids.ts";
import type { ConversationStore } from "../core/conversation-store.ts";
import { Run } from "../core/run.ts";
import type { RunStore, Store } from "../core/store.ts";
import type { OpenConversation } from "../lcm/index.ts";
import type { Estimate } from "../map/index.ts";
import { askRun, type AskOptions, type AskRequest, type AskResult } from "./ask-run.ts";
import { conversationOf, type ConversationRequest } from "./conversations.ts";
import { Jobs } from "./jobs.ts";
import { checkLimits, type RunLimits } from "./limits.ts";
import { mapEstimate, mapRun, type MapOptions, type MapRequest, type MapRunResult } from "./map-run.ts";
import type { EngineParts } from "./parts.ts";
import { readRecipe } from "./recipe.ts";
import { workRun, type WorkOptions, type WorkRequest, type WorkResult } from "./work-run.ts";

export interface EngineDefaults {
  /** Of every run, unless the run sets its own. */
  readonly limits: RunLimits;
}

export class Engine {
  readonly #parts: EngineParts;
  readonly #limits: RunLimits;
  readonly #closing = new AbortController();
  readonly #underWay = new Set<Promise<unknown>>();

  /** Throws ConfigError "invalid_option" where a limit is none. */
  constructor(parts: EngineParts, { limits }: EngineDefaults) {
    checkLimits(limits);
    this.#parts = parts;
    this.#limits = limits;
  }

  /**
   * Answers a question over a context of any size. Iterate the run for its events, or await `result()`, which rejects with
   * ConfigError (the request can't be carried out as it is), ModelError (the root LM failed for good), SandboxError or
   * StoreError. A reached limit and a cancellation are results, not errors.
   */
  ask(request: AskRequest, options: AskOptions = {}): Run<AskResult> {
    const runId = options.resume === undefined ? newRunId() : asRunId(options.resume);
    return new Run(runId, (watch) =>
      this.#track(
        (signal, afterwards) =>
          askRun(this.#parts, runId, request, this.#merged(options, signal), watch, afterwards),
        options,
      ),
    );
  }

  /**
   * Goes on with a run whose context was files or an earlier answer, with the limits it had unless others are given. What it
   * has paid for is replayed at no cost. Rejects with StoreError "not_found" where there is no such run.
   */
  resume(
    runId: string,
    { tools, ...options }: Omit<AskOptions, "resume"> & Pick<AskRequest, "tools"> = {},
  ): Run<AskResult> {
    return new Run(asRunId(runId), async (watch) => {
      const { runs } = await this.#parts.store();
      const stored = await runs.get(asRunId(runId));
      const { context, limits, phase0, raw, encoding, workingFolder } = readRecipe(stored);
      const reading = { ...(raw !== undefined && { raw }), ...(encoding !== undefined && { encoding }) };
      const run = this.ask(
        { query: stored.query, context, ...(tools && { tools }) },
        {
          ...{ phase0, workingFolder, ...reading, ...options },
          ...{ limits: { ...limits, ...options.limits }, resume: runId },
        },
      );
      const result = run.result();
      // The iteration below throws the same failure; whichever is awaited first must not leave the other unhandled.
      result.catch(() => {});
      for await (const event of run) watch(event);
      return result;
    });
  }

  /**
   * A conversation without end: every message is kept to the letter, the model sees what fits its window, and looks up the
   * rest. Opened at once, with or without `await`; its store is asked when it is first needed. Works without a model for all
   * but answering.
   */
  conversation(id: string, request: ConversationRequest = {}): OpenConversation {
    return conversationOf(this.#parts, id, request, this.#limits, this.#closing.signal);
  }

  /** Where all conversations are kept: to list, search, check, export, import and erase them. */
  get conversations(): Promise<ConversationStore> {
    return this.#parts.conversations();
  }

  /**
   * Puts every item through a model, each finished once: state is in the store, and the same call again goes on where it
   * stopped. Events include `item-end` for each item. Rejects with ConfigError, with ModelError where the endpoint answers
   * nobody, with StoreError, or with the signal's reason; failed items and reached limits are results.
   */
  map(request: MapRequest, options: MapOptions = {}): Run<MapRunResult> {
    const runId = newRunId();
    return new Run(runId, (watch) =>
      this.#track(
        (signal) => mapRun(this.#parts, runId, request, this.#merged(options, signal), watch),
        options,
      ),
    );
  }

  /** What a map would take: calls, tokens, cost. Reads the whole input and calls no model. */
  async estimate(request: MapRequest, options: MapOptions = {}): Promise<Estimate> {
    return mapEstimate(this.#parts, request, { ...options, limits: { ...this.#limits, ...options.limits } });
  }

  /**
   * Takes part in maps that others have begun, here or on other machines: their items are in the store that they share.
   * Runs until the signal fires, or with `untilIdle` until nothing is left. Rejects as `map` does.
   */
  work(request: WorkRequest = {}, options: WorkOptions = {}): Run<WorkResult> {
    const runId = newRunId();
    return new Run(runId, (watch) =>
      this.#track(
        (signal) => workRun(this.#parts, runId, request, this.#merged(options, signal), watch),
        options,
      ),
    );
  }

  /** Opens a context to be searched and read without a model. Close it when done; rejects as `ask` does. */
  async openCorpus(
    context: ContextInput,
    { signal, workingFolder }: { readonly signal?: AbortSignal; readonly workingFolder?: string } = {},
  ): Promise<Corpus> {
    const ends = AbortSignal.any([this.#closing.signal, ...(signal ? [signal] : [])]);
    const cwd = workingFolder ?? process.cwd();
    return this.#parts.openCorpus(context, { signal: ends, cwd, onProgress: () => {} });
  }

  /** What is stored of all maps. */
  get jobs(): Jobs {
    return new Jobs(() => this.#parts.jobs());
  }

  /** What is stored of all runs. */
  get runs(): Pick<RunStore, "list" | "get" | "events"> {
    const store = (): Promise<Store> => this.#parts.store();
    return {
      list: async (options) => (await store()).runs.list(options),
      get: async (runId) => (await store()).runs.get(runId),
      async *events(runId) {
        yield* (await store()).runs.events(runId);
      },
    };
  }

  /** Cancels what is under way, lets it record its end, and ends the processes of the sandbox. */
  async close(): Promise<void> {
    this.#closing.abort(new DOMException("The engine was closed.", "AbortError"));
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    await this.#parts.close();
  }

  #merged<Options extends { readonly limits?: RunLimits }>(
    options: Options,
    signal: AbortSignal,
  ): Options & { readonly limits: RunLimits; readonly signal: AbortSignal } {
    return { ...options, limits: { ...this.#limits, ...options.limits }, signal };
  }

  /** Ends with the engine, which waits until it has, and for what the work leaves to be done afterwards. */
  async #track<Result>(
    work: (signal: AbortSignal, afterwards: (rest: Promise<unknown>) => void) => Promise<Result>,
    { signal }: { readonly signal?: AbortSignal },
  ): Promise<Result> {
    if (this.#closing.signal.aborted)
      throw new ConfigError("invalid_option", "The engine is closed. Create another one.");
    const waitFor = (what: Promise<unknown>): void => {
      this.#underWay.add(what);
      const forget = (): void => void this.#underWay.delete(what);
      what.then(forget, forget);
    };
    const result = work(AbortSignal.any([this.#closing.signal, ...(signal ? [signal] : [])]), waitFor);
    waitFor(result);
    return result;
  }
}
