/** A conversation without end: what was said is kept to the letter, the model sees what fits, and can look up the rest. */
import type { Branch, BranchRef, StoredMessage } from "../core/conversation.ts";
import type {
  AppendedMessage,
  ConversationStore,
  ErasureReport,
  ErasureTarget,
  MessageRange,
  SearchPage,
} from "../core/conversation-store.ts";
import { ConfigError } from "../core/errors.ts";
import { newRunId, type ConversationId, type MessageId } from "../core/ids.ts";
import type { Model, ToolDefinition } from "../core/model.ts";
import type { Run } from "../core/run.ts";
import { TokenCalibration } from "../core/tokens.ts";
import type { TraceEvent } from "../core/trace.ts";
import { Background } from "./background.ts";
import { CacheWatch, growthPerTurn, lastMessageAt } from "./cache-watch.ts";
import { answer, type ChatResult, type SendInput, type SendOptions } from "./chat.ts";
import type { Client } from "./client.ts";
import { askClone, type CloneAnswer } from "./clone.ts";
import { Compactor, type CompactResult, type Settled } from "./compact.ts";
import { reportOf, type ContextReport } from "./context-report.ts";
import { toNewMessage, type MessageInput } from "./input.ts";
import { messageTokens } from "./measure.ts";
import { SummariserPatience } from "./patience.ts";
import { findPlace } from "./place.ts";
import { recallTools } from "./recall-tools.ts";
import { Recall, type GrepInput } from "./recall.ts";
import { noModel, type Situation, type SituationRequest } from "./situation.ts";
import { assumedWindow, sizesFor } from "./sizes.ts";
import {
  defaultConversationSettings,
  resolve,
  standaloneScopes,
  type ConversationOptions,
  type ConversationSettings,
  type NewScope,
} from "./surroundings.ts";
import type { Summariser } from "./summarize.ts";
import { ActiveView } from "./view.ts";

export type { ContextReport };

/** Opens a conversation at once; its store is only asked when it is first needed, so no `await` is wanted, nor harmful. */
export function openConversation(id: string, options: ConversationOptions): OpenConversation {
  if (id === "") throw new ConfigError("invalid_input", "The name of a conversation is empty. Give it one.");
  return new OpenConversation(id as ConversationId, options);
}

export class OpenConversation {
  readonly id: ConversationId;
  readonly #options: ConversationOptions;
  readonly #settings: ConversationSettings;
  readonly #calibration: TokenCalibration;
  readonly #newScope: NewScope;
  readonly #cache = new CacheWatch();
  readonly #patience = new SummariserPatience();
  readonly #closing = new AbortController();
  readonly #background: Background;
  #parts: Promise<Parts> | undefined;
  #turns: Promise<unknown> = Promise.resolve();

  constructor(id: ConversationId, options: ConversationOptions) {
    this.id = id;
    this.#options = options;
    this.#settings = { ...defaultConversationSettings, ...options.settings };
    this.#calibration = options.calibration ?? new TokenCalibration();
    this.#newScope = options.newScope ?? standaloneScopes(this.#calibration);
    this.#background = new Background({
      patience: this.#patience,
      signal: this.#closing.signal,
      open: async () => {
        const parts = await this.#open();
        const model = await this.#summaryModel();
        return model && { compactor: parts.compactor, model, situation: await this.#situation({}) };
      },
      scope: (signal) =>
        this.#newScope({ runId: newRunId(), purpose: "labels", signal, limits: {}, publish: ignored }),
    });
  }

  get branchName(): string {
    return this.#options.branch ?? "main";
  }

  /** All branches, oldest first. */
  async branches(): Promise<readonly Branch[]> {
    return (await (await this.#open()).store.open(this.id)).branches;
  }

  /** The same conversation, opened otherwise: on another branch, with another model. */
  with(options: Partial<Omit<ConversationOptions, "store">>): OpenConversation {
    return new OpenConversation(this.id, { ...this.#options, calibration: this.#calibration, ...options });
  }

  /**
   * Adds messages at the end, durable once it resolves. Messages with a known key are not added again.
   * @param options.expectedHead hash that the branch's head must have, else StoreError "version_conflict"
   */
  async append(
    messages: readonly MessageInput[] | MessageInput,
    options: { readonly expectedHead?: string } = {},
  ): Promise<readonly AppendedMessage[]> {
    const list = "role" in messages ? [messages] : messages;
    const { store, ref } = await this.#open();
    const fresh = list.map((message) => toNewMessage(message, messageTokens));
    const added = await store.messages.append(ref, fresh, options);
    this.#patience.nextTurn();
    this.#later();
    return added;
  }

  /** Every message of the branch, byte for byte, oldest first. */
  async *history(range: MessageRange = {}): AsyncGenerator<StoredMessage> {
    const { store, ref } = await this.#open();
    yield* store.messages.read(ref, range);
  }

  /** A new branch that shares everything up to a message with this one; nothing is copied, nothing lost. */
  async branch(
    at: number | MessageId | StoredMessage,
    options: { readonly name?: string } = {},
  ): Promise<OpenConversation> {
    const { store, ref } = await this.#open();
    const name = String(typeof at === "object" ? at.position : at);
    // Nothing stands at 0: the branch begins anew.
    const place = name === "0" ? 0 : (await findPlace(name, store, ref)).first;
    return this.with({ branch: (await store.fork(ref, place, options)).name });
  }

  /** Sends the user's words, or results of tools, and lets the model answer. Iterate the run for its events. */
  send(input: SendInput, options: SendOptions = {}): Run<ChatResult> {
    return answer(input, options, {
      ...{
        conversationId: this.id,
        branch: this.branchName,
        settings: this.#settings,
        newScope: this.#newScope,
      },
      ...{
        closing: this.#closing.signal,
        tools: this.#options.tools ?? [],
        summaryModel: () => this.#summaryModel(),
      },
      model: () => this.#model(),
      inTurn: (work) => this.#inTurn(work),
      append: (messages) => this.append(messages),
      settle: async (request) => {
        const { compactor } = await this.#open();
        return compactor.settle(await this.#situation({ ...request, client: options.client }));
      },
      called: (model, tools, settled, reply) => {
        const instructions = this.#instructions(options.client);
        this.#cache.called({ model, instructions, tools: ownTools(tools) }, this.#now());
        if (!reply.usageEstimated) this.#learn(model, settled, reply.usage.inputTokens);
      },
      recall: async () => (await this.#open()).recall,
      clone: (question, places, scope, model) =>
        this.#clone(question, places, scope, { model, instructions: this.#instructions(options.client) }),
      largeTokens: async () => (await this.#sizes()).large,
      ended: () => {
        this.#patience.nextTurn();
        this.#later();
      },
    });
  }

  /** Lets the model answer what was appended. */
  reply(options: SendOptions = {}): Run<ChatResult> {
    return this.send([], options);
  }

  /** Exactly what the next request would be. A swap that it needs is made first, as `send` would. */
  async context(
    options: {
      readonly tools?: readonly ToolDefinition[];
      readonly signal?: AbortSignal;
      /** As in `send`. */
      readonly client?: Client;
    } = {},
  ): Promise<ContextReport> {
    const { compactor } = await this.#open();
    const model = options.client && { model: options.client.model };
    return reportOf(await compactor.settle(await this.#situation({ ...options, ...model })));
  }

  /** Shows everything but the newest messages as labels, now. A second time without news it does nothing. */
  async compact(options: { readonly signal?: AbortSignal } = {}): Promise<CompactResult> {
    const { compactor } = await this.#open();
    await this.#background.idle();
    return compactor.compactNow(await this.#situation({ ...options, asked: true }));
  }

  /** Messages that have a text, a pattern or some words, a page at a time. */
  async recallGrep(
    input: string | GrepInput,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<SearchPage> {
    const { recall } = await this.#open();
    return recall.search(typeof input === "string" ? { pattern: input } : input, options.signal);
  }

  /** What is behind a label, a message or a range, as a model is told. */
  async recallDescribe(id: string | number): Promise<string> {
    return (await this.#open()).recall.describe(String(id));
  }

  /** Everything behind a label or in a range, byte for byte. */
  async *recallExpand(id: string | number): AsyncGenerator<StoredMessage> {
    yield* (await this.#open()).recall.messages(String(id));
  }

  /** Has a clone of the model read in the past and answer. `in` names where; everywhere by default. */
  async recallAsk(
    question: string,
    options: { readonly in?: readonly string[]; readonly signal?: AbortSignal } = {},
  ): Promise<CloneAnswer> {
    const model = await this.#model();
    if (!model) throw noModel();
    const signal = AbortSignal.any([this.#closing.signal, ...(options.signal ? [options.signal] : [])]);
    const scope = await this.#newScope({
      runId: newRunId(),
      purpose: "recall",
      signal,
      limits: {},
      publish: ignored,
    });
    return this.#clone(question, options.in ?? [], scope, { model, instructions: this.#instructions() });
  }

  /** Removes content for good and leaves a tombstone. The one thing that changes what was said. */
  async erase(target: ErasureTarget, reason: string): Promise<ErasureReport> {
    const { store, view } = await this.#open();
    const report = await store.erase(this.id, target, reason);
    view.invalidate();
    return report;
  }

  /** Resolves once no labels are being made. */
  async idle(): Promise<void> {
    await this.#background.idle();
  }

  /** Ends what is under way. The store is its owner's to close. */
  async close(): Promise<void> {
    this.#closing.abort(new DOMException("The conversation was closed.", "AbortError"));
    await Promise.allSettled([this.#turns, this.#background.idle()]);
  }

  #open(): Promise<Parts> {
    this.#parts ??= this.#openOnce().catch((error: unknown) => {
      // The next use tries again: a store may have been busy.
      this.#parts = undefined;
      throw error;
    });
    return this.#parts;
  }

  async #openOnce(): Promise<Parts> {
    const store = await resolve(this.#options.store);
    await store.open(this.id);
    const ref: BranchRef = { conversationId: this.id, name: this.branchName };
    // Says so at once where there is no such branch.
    const branch: Branch = await store.branch(ref);
    const own: BranchRef = { conversationId: branch.conversationId, name: branch.name };
    const view = new ActiveView(store, own, (await this.#sizes()).large);
    return {
      store,
      ref: own,
      view,
      compactor: new Compactor(store, own, view),
      recall: new Recall({ store, ref: own, view }),
    };
  }

  async #situation(request: SituationRequest): Promise<Situation> {
    const { view } = await this.#open();
    const model = request.model ?? (await this.#model());
    const share = request.share ?? 1;
    const factor = (model ? this.#calibration.factor(model.id) : 1.1) / share;
    const { large } = await this.#sizes(model);
    view.showAbove(large);
    const instructions = this.#instructions(request.client);
    const tools = ownTools(request.tools ?? this.#options.tools ?? []);
    const signal = AbortSignal.any([this.#closing.signal, ...(request.signal ? [request.signal] : [])]);
    return {
      request: { instructions, tools, recallTools, factor },
      window: this.#window(model),
      cache: model
        ? this.#cache.state(
            { model, instructions, tools },
            this.#now(),
            lastMessageAt(view),
            growthPerTurn(view, factor),
          )
        : { isCold: true, changed: undefined, readShare: 1, writeShare: 1, growth: 1 },
      summariser: () => this.#summariser(request, signal),
      labelsAreFree: !model,
      emit: request.emit ?? ignored,
      signal,
    };
  }

  /** Whoever can't wait for labels has them written in time, or made without a model. */
  async #summariser(request: SituationRequest, signal: AbortSignal): Promise<Summariser | undefined> {
    const model = await this.#summaryModel();
    if (!model || !this.#patience.isWorthTrying) return undefined;
    const own =
      request.asked === true
        ? signal
        : AbortSignal.any([signal, AbortSignal.timeout(this.#settings.patienceMs)]);
    const scope =
      request.scope ??
      (await this.#newScope({ runId: newRunId(), purpose: "labels", signal, limits: {}, publish: ignored }));
    return { model, scope, signal: own, patience: this.#patience };
  }

  #window(model: Model | undefined): Situation["window"] {
    const { contextWindow, softShare, largeTokens } = this.#settings;
    const window = contextWindow ?? model?.contextWindow ?? assumedWindow;
    return { window, maxOutputTokens: model?.maxOutputTokens, softShare, largeTokens };
  }

  async #sizes(model?: Model): Promise<{ readonly large: number }> {
    const known = model ?? (await this.#model());
    return sizesFor({ ...this.#window(known), overhead: 0 });
  }

  async #model(): Promise<Model | undefined> {
    return this.#options.model === undefined ? undefined : resolve(this.#options.model);
  }

  async #summaryModel(): Promise<Model | undefined> {
    const own = this.#options.summaryModel;
    return (own === undefined ? undefined : await resolve(own)) ?? (await this.#model());
  }

  async #clone(
    question: string,
    places: readonly string[],
    scope: Summariser["scope"],
    client: Client,
  ): Promise<CloneAnswer> {
    const { store, ref, view } = await this.#open();
    await view.refresh();
    return askClone(question, places, { store, ref, view, scope, ...client, ask: this.#options.ask });
  }

  #instructions(client?: Client): string | undefined {
    return client ? client.instructions : this.#options.instructions;
  }

  #learn(model: Model, settled: Settled, counted: number): void {
    const factor = this.#calibration.factor(model.id);
    this.#calibration.learn(model.id, settled.tokens / factor, counted);
  }

  /** One turn after the other: a second `send` waits for the first. */
  #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const next = this.#turns.then(work);
    this.#turns = next.catch(() => undefined);
    return next;
  }

  #later(): void {
    if (this.#settings.background && this.#options.model !== undefined) this.#background.wake();
  }

  #now(): number {
    return (this.#options.clock ?? Date.now)();
  }
}

interface Parts {
  readonly store: ConversationStore;
  readonly ref: BranchRef;
  readonly view: ActiveView;
  readonly compactor: Compactor;
  readonly recall: Recall;
}

/** As they are sent: definitions alone, none under a name of ours. */
function ownTools(tools: readonly ToolDefinition[]): readonly ToolDefinition[] {
  return tools
    .filter(({ name }) => !recallTools.some((recall) => recall.name === name))
    .map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));
}

function ignored(_event: TraceEvent | Parameters<Situation["emit"]>[0]): void {
  // Nobody looks on.
}
