/** Walks a random history through a real conversation and checks the laws at every step. What breaks one is a finding. */
import type { StoredMessage, SummaryNode } from "../../core/conversation.ts";
import type { ConversationStore } from "../../core/conversation-store.ts";
import { ConfigError } from "../../core/errors.ts";
import { asConversationId } from "../../core/ids.ts";
import { memoryConversations } from "../../stores/conversations.ts";
import { scriptedModel, type ScriptedModel } from "../../testing/scripted-model.ts";
import type { ContextReport, OpenConversation } from "../conversation.ts";
import { openConversation } from "../conversation.ts";
import type { MessageInput } from "../input.ts";
import { sizesFor } from "../sizes.ts";
import {
  asMessage,
  countAgain,
  faults,
  firstChange,
  goodLabel,
  isPaired,
  poison,
  tokensOfInput,
} from "./checks.fixture.ts";
import { Random, randomGroup } from "./random-history.fixture.ts";

export interface WalkInput {
  readonly seed: number;
  readonly steps: number;
  readonly window: number;
  /** How the summariser behaves; "none": there is no model. */
  readonly summariser: "none" | "good" | "faulty";
}

/** Law by law, what went wrong; and how often each was looked at. */
export class Findings {
  readonly broken: Map<number, string> = new Map();
  readonly checks: Map<number, number> = new Map();
  readonly histories: Map<number, Set<number>> = new Map();

  check(law: number, holds: boolean, input: WalkInput, what: () => string): void {
    this.checks.set(law, (this.checks.get(law) ?? 0) + 1);
    const seen = this.histories.get(law) ?? new Set<number>();
    this.histories.set(law, seen.add(input.seed));
    if (!holds && !this.broken.has(law)) this.broken.set(law, `${JSON.stringify(input)}: ${what()}`);
  }
}

export const instructions = "Answer briefly. Keep the user's words.";

export async function walk(input: WalkInput, findings: Findings): Promise<void> {
  const walker = new Walker(input, findings);
  await walker.run();
}

class Walker {
  readonly #input: WalkInput;
  readonly #findings: Findings;
  readonly #random: Random;
  readonly #store: ConversationStore = memoryConversations();
  readonly #said: MessageInput[] = [];
  readonly #counter = { next: 0 };
  readonly #model: ScriptedModel | undefined;
  readonly #conversation: OpenConversation;
  #clock = 1_700_000_000_000;
  #before:
    | { readonly report: ContextReport; readonly version: number; readonly texts: readonly string[] }
    | undefined;

  constructor(input: WalkInput, findings: Findings) {
    this.#input = input;
    this.#findings = findings;
    this.#random = new Random(input.seed);
    this.#model = input.summariser === "none" ? undefined : this.#scripted();
    this.#conversation = this.#open();
  }

  #open(): OpenConversation {
    return openConversation("walk", {
      store: this.#store,
      instructions,
      clock: () => this.#clock,
      ...(this.#model && { model: this.#model }),
      settings: { contextWindow: this.#input.window, patienceMs: 2_000 },
    });
  }

  async run(): Promise<void> {
    for (let step = 0; step < this.#input.steps; step++) {
      const messages = Array.from({ length: this.#random.int(1, 3) }, () =>
        randomGroup(this.#random, this.#input.window, this.#counter),
      ).flat();
      await this.#conversation.append(messages);
      this.#said.push(...messages);
      if (this.#random.chance(0.1)) this.#clock += this.#random.int(-1e9, 1e9);
      if (this.#model && this.#random.chance(0.4)) await this.#conversation.idle();
      if (this.#model && this.#random.chance(0.3)) await this.#send();
      if (this.#random.chance(0.12)) await this.#compact();
      if (this.#random.chance(0.6)) await this.#look();
    }
    await this.#look();
    await this.#wholeHistory();
    await this.#conversation.close();
  }

  async #look(): Promise<void> {
    const calls = this.#model?.calls ?? 0;
    let report: ContextReport;
    try {
      report = await this.#conversation.context();
    } catch (error) {
      // Random instructions at the start of a history may be longer than the window: then it must say so.
      const isTooLong =
        error instanceof ConfigError && error.code === "window_too_small" && this.#hasLongInstructions();
      this.#check(4, isTooLong, () => String(error));
      return;
    }
    const ref = { conversationId: this.#conversation.id, name: "main" };
    const context = await this.#store.context(ref);
    const { head } = await this.#store.branch(ref);
    const nodes = new Map((await this.#store.summaries.list(ref)).map((node) => [node.id, node]));
    this.#coverage(report, head.position);
    await this.#reach(report, nodes, head.position);
    this.#bound(report);
    this.#summaries(nodes);
    this.#groups(report);
    this.#prefix(report, context.version);
    await this.#purity(report);
    this.#passThrough(report, calls);
    this.#verbatim(report);
    this.#fences(report);
  }

  #coverage(report: ContextReport, last: number): void {
    const seen: number[] = [];
    for (const item of report.items) {
      if (item.type === "label") for (let p = item.first; p <= item.last; p++) seen.push(p);
      if (item.type === "message") seen.push(item.position);
    }
    const isWhole = seen.length === last && seen.every((position, index) => position === index + 1);
    this.#check(1, isWhole, () => `shown positions are ${seen.join(" ")} of ${last}`);
  }

  async #reach(report: ContextReport, nodes: ReadonlyMap<string, SummaryNode>, last: number): Promise<void> {
    const reached = new Set<number>();
    const visit = (id: string, depth: number): void => {
      const node = nodes.get(id);
      if (!node || depth > 60) return;
      if (node.kind === "condensed") for (const source of node.sources) visit(source, depth + 1);
      else for (let p = node.covers.first; p <= node.covers.last; p++) reached.add(p);
    };
    const labels = report.items.filter((item) => item.type === "label");
    for (const { id } of labels) visit(id, 0);
    for (const item of report.items) if (item.type === "message") reached.add(item.position);
    this.#check(2, reached.size === last, () => `${reached.size} of ${last} messages can be reached`);
    const label = labels[this.#random.int(0, Math.max(0, labels.length - 1))];
    if (!label) return;
    const expanded = await Array.fromAsync(this.#conversation.recallExpand(label.id));
    const isSame =
      expanded.length === label.last - label.first + 1 && expanded.every((stored) => this.#isAsSaid(stored));
    this.#check(3, isSame, () => `what is behind ${label.id} is not what was said`);
  }

  #bound({ tokens, hard, window, request }: ContextReport): void {
    const counted = countAgain(request) * 1.1;
    this.#check(
      4,
      tokens <= hard && counted <= hard + 2,
      () => `${tokens} (${counted}) tokens, the limit is ${hard} of ${window}`,
    );
  }

  #summaries(nodes: ReadonlyMap<string, SummaryNode>): void {
    const { capOfLevel } = sizesFor({ window: this.#input.window, maxOutputTokens: undefined, overhead: 0 });
    for (const node of nodes.values()) {
      const { first, last } = node.covers;
      const isStub = node.metadata?.["stub"] !== undefined;
      const source = this.#said
        .slice(first - 1, last)
        .reduce((sum, message) => sum + tokensOfInput(message), 0);
      const isSmall =
        node.tokens <= source && (isStub || node.tokens <= Math.max(capOfLevel(1), this.#input.window / 4));
      const isHonest = node.origin.type === "model" ? !node.needsRepair : true;
      this.#check(
        6,
        isSmall && isHonest && !node.text.includes(poison),
        () => `${node.id} of ${first}-${last}: ${node.tokens} tokens of ${source}: ${node.text}`,
      );
    }
  }

  #groups({ items, request }: ContextReport): void {
    const ends = new Set(items.flatMap((item) => (item.type === "label" ? [item.first - 1, item.last] : [])));
    for (const [first, last] of this.#toolGroups())
      for (let p = first; p < last; p++)
        this.#check(7, !ends.has(p), () => `a label ends at ${p}, inside the group ${first}-${last}`);
    this.#check(7, isPaired(request.messages), () => "a call or a result is alone in the request");
  }

  #prefix(report: ContextReport, version: number): void {
    const texts = report.request.messages.map((message) => JSON.stringify(message));
    const before = this.#before;
    this.#before = { report, version, texts };
    if (!before) return;
    let same = 0;
    while (same < before.texts.length && before.texts[same] === texts[same]) same++;
    if (before.version === version) {
      const isPrefix = same === before.texts.length;
      const hadHandle = before.report.request.tools !== undefined;
      const tools =
        JSON.stringify(before.report.request.tools) === JSON.stringify(report.request.tools) || !hadHandle;
      this.#check(8, isPrefix && tools, () => `message ${same} changed without a swap`);
    } else {
      const swapPoint = firstChange(before.report, report);
      this.#check(8, same >= swapPoint, () => `the swap begins at ${swapPoint}, but message ${same} changed`);
    }
    this.#check(
      8,
      texts[0] === JSON.stringify({ role: "system", content: instructions }),
      () => "the instructions changed",
    );
  }

  async #purity(report: ContextReport): Promise<void> {
    if (this.#model) return;
    const again = await this.#open().context();
    this.#check(
      9,
      JSON.stringify(again.request) === JSON.stringify(report.request),
      () => "opened anew, it reads differently",
    );
  }

  #passThrough(report: ContextReport, callsBefore: number): void {
    const isPlain =
      report.items.every(
        (item) => item.type !== "label" && (item.type !== "message" || item.form === "verbatim"),
      ) && !this.#hasLarge();
    if (report.tokens > report.soft || !isPlain) return;
    const plain = JSON.stringify({
      messages: [{ role: "system", content: instructions }, ...this.#said.map(asMessage)],
    });
    const isUnasked = (this.#model?.calls ?? 0) === callsBefore;
    this.#check(
      14,
      JSON.stringify(report.request) === plain && isUnasked,
      () => `${JSON.stringify(report.request).slice(0, 400)} is not ${plain.slice(0, 400)}`,
    );
  }

  #verbatim({ request, hard }: ContextReport): void {
    const latest = this.#said.findLast(({ role }) => role === "user");
    if (!latest) return;
    const isLarge = tokensOfInput(latest) * 1.1 > hard / 12;
    const text = JSON.stringify(asMessage(latest));
    const isThere = request.messages.some((message) => JSON.stringify(message) === text);
    this.#check(
      15,
      isThere || isLarge,
      () => `the latest message of the user is missing: ${text.slice(0, 200)}`,
    );
  }

  #fences({ request }: ContextReport): void {
    for (const message of request.messages) {
      const text =
        message.role === "user" && message.content[0]?.type === "text" ? message.content[0].text : "";
      if (!text.startsWith("<label id=") || message.role !== "user") continue;
      const inner = text.slice(text.indexOf("\n"), text.lastIndexOf("\n"));
      const isClosed = text.endsWith("\n</label>") && message.content.length === 1;
      const isHarmless = !/<[\s/|]*(?:label|system|im_start|im_end)|\[\/?INST/i.test(inner);
      // A user may say such a thing; only labels are ours.
      const isOurs = /^<label id="sum_[\da-f]{15}" messages?="\d+(?:-\d+)?">\n/.test(text);
      if (isOurs) this.#check(18, isClosed && isHarmless, () => text.slice(0, 400));
    }
  }

  async #compact(): Promise<void> {
    try {
      await this.#conversation.compact();
      await this.#conversation.idle();
      for (let i = 0; i < 8; i++) {
        const { status, tokensAfter, tokensBefore } = await this.#conversation.compact();
        if (status === "swapped")
          this.#check(5, tokensAfter < tokensBefore, () => `from ${tokensBefore} to ${tokensAfter}`);
        else if (status === "nothing-to-gain") break;
        this.#check(5, i < 7, () => "it goes on and on");
      }
      const calls = this.#model?.calls ?? 0;
      const again = await this.#conversation.compact();
      const isQuiet = again.status === "nothing-to-gain" && (this.#model?.calls ?? 0) === calls;
      this.#check(5, isQuiet, () => `a second time without news it did something: ${JSON.stringify(again)}`);
    } catch (error) {
      this.#check(4, error instanceof ConfigError && this.#hasLongInstructions(), () => String(error));
    }
  }

  async #send(): Promise<void> {
    const text = `question ${this.#counter.next++}`;
    this.#said.push({ role: "user", content: text });
    try {
      const { status, text: answer } = await this.#conversation.send(text).result();
      this.#said.push({ role: "assistant", content: answer });
      this.#check(16, status === "answered" && answer.startsWith("reply"), () => `${status}: ${answer}`);
    } catch (error) {
      this.#check(16, error instanceof ConfigError && this.#hasLongInstructions(), () => String(error));
    }
  }

  async #wholeHistory(): Promise<void> {
    const stored = await Array.fromAsync(this.#conversation.history());
    const isWhole = stored.length === this.#said.length && stored.every((message) => this.#isAsSaid(message));
    this.#check(3, isWhole, () => "the history is not what was said");
    this.#check(
      13,
      isWhole && stored.every(({ erased }) => erased === undefined),
      () => "something was changed or removed",
    );
    const { problems } = await this.#store.check(asConversationId("walk"));
    this.#check(13, problems.length === 0, () => JSON.stringify(problems));
    const keyed = this.#said.filter(({ key }) => key !== undefined);
    const again = await this.#conversation.append(keyed);
    const { head } = await this.#store.branch({ conversationId: this.#conversation.id, name: "main" });
    const isKnown = again.every(({ status }) => status === "known") && head.position === this.#said.length;
    this.#check(12, isKnown, () => "what was said once was added again");
  }

  #isAsSaid({ position, message }: StoredMessage): boolean {
    const said = this.#said[position - 1];
    return said !== undefined && JSON.stringify(message) === JSON.stringify(asMessage(said));
  }

  *#toolGroups(): Generator<readonly [number, number]> {
    for (let index = 0; index < this.#said.length; index++) {
      const message = this.#said[index];
      if (message?.role !== "assistant" || typeof message.content === "string") continue;
      if (!message.content.some(({ type }) => type === "tool-call")) continue;
      let last = index;
      while (this.#said[last + 1]?.role === "tool") last++;
      yield [index + 1, last + 1];
    }
  }

  #hasLarge(): boolean {
    const large = this.#input.window * 0.6;
    return this.#said.some((message) => tokensOfInput(message) > large);
  }

  #hasLongInstructions(): boolean {
    let tokens = 0;
    for (const message of this.#said) {
      if (message.role !== "system") break;
      tokens += tokensOfInput(message);
    }
    return tokens * 1.1 > this.#input.window / 5;
  }

  #check(law: number, holds: boolean, what: () => string): void {
    this.#findings.check(law, holds, this.#input, what);
  }

  #scripted(): ScriptedModel {
    const random = new Random(this.#input.seed + 1);
    return scriptedModel(
      (request) => {
        const isLabel = JSON.stringify(request.messages[0]).includes("You write labels");
        if (!isLabel) return `reply ${request.messages.length}`;
        return this.#input.summariser === "good" ? goodLabel(request) : random.pick(faults)(request);
      },
      { contextWindow: this.#input.window, maxOutputTokens: 2_000 },
    );
  }
}
