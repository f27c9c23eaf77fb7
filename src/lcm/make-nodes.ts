/** Carries out folds: reads what they stand for, has labels written, and gives the nodes that can be swapped in. */
import {
  summaryId,
  type StoredMessage,
  type SummaryContent,
  type SummaryNode,
} from "../core/conversation.ts";
import type { SummaryId } from "../core/ids.ts";
import type { JsonObject } from "../core/json.ts";
import { estimateTokens } from "../core/tokens.ts";
import { beginning } from "./excerpt.ts";
import { labelWithoutModel } from "./deterministic.ts";
import { fenceTokens } from "./fence.ts";
import type { LabelDesk } from "./label-desk.ts";
import { messageTokens } from "./measure.ts";
import { sourceOf, sourceOfLabels, type LabelSource } from "./source.ts";
import { stubOf } from "./stub.ts";
import { summarize, type Label, type Summariser } from "./summarize.ts";
import type { Fold, FoldUnit, NodeUnit, Unit } from "./units.ts";

export interface NodeSource {
  messages(first: number, last: number): Promise<readonly StoredMessage[]>;
  /** The text of a label that is shown now or was made by an earlier fold. */
  node(id: SummaryId): Promise<Pick<SummaryNode, "text" | "covers"> | undefined>;
  hashAt(position: number): Promise<string | undefined>;
}

export interface MadeNodes {
  /** The target with every fold made: nodes and groups only. */
  readonly units: readonly Unit[];
  /** New nodes, each after those it is made of. */
  readonly contents: readonly SummaryContent[];
  readonly deterministic: number;
  /** Why labels of the model were not taken. */
  readonly faults: readonly string[];
  /** The model gave no answer at all, at least once. */
  readonly isDown: boolean;
}

export interface MakeOptions {
  readonly summariser: Summariser | undefined;
  readonly factor: number;
  readonly desk: LabelDesk;
  /** Asked before each label: false once nobody needs them any more. @default always wanted */
  readonly isWanted?: () => boolean;
}

/** Somebody else changed the context while labels for the old one were made. What was written is not lost. */
export class Superseded extends Error {}

/** Makes all folds of a target. Throws Superseded once they aren't wanted. Once the model is down, the rest is made without it. */
export async function makeNodes(
  target: readonly Unit[],
  source: NodeSource,
  options: MakeOptions,
): Promise<MadeNodes> {
  const maker = new Maker(source, options);
  // Leaves don't depend on one another: the model writes several at once.
  await inBatches(leavesOf(target), 4, (fold) => maker.make(fold));
  const units: Unit[] = [];
  for (const unit of target) units.push(unit.type === "fold" ? await maker.unit(unit) : unit);
  return { ...maker.result(), units };
}

class Maker {
  readonly #source: NodeSource;
  readonly #factor: number;
  readonly #desk: LabelDesk;
  readonly #isWanted: () => boolean;
  readonly #made = new Map<Fold, { id: SummaryId; content: SummaryContent }>();
  readonly #faults: string[] = [];
  #summariser: Summariser | undefined;
  #isDown = false;

  constructor(source: NodeSource, { summariser, factor, desk, isWanted = () => true }: MakeOptions) {
    this.#source = source;
    this.#summariser = summariser;
    this.#factor = factor;
    this.#desk = desk;
    this.#isWanted = isWanted;
  }

  async unit({ fold, level, first, last }: FoldUnit): Promise<NodeUnit> {
    const { id, content } = await this.make(fold);
    return { type: "node", id, level, first, last, tokens: Math.ceil(shownTokens(content) * this.#factor) };
  }

  async make(fold: Fold): Promise<{ id: SummaryId; content: SummaryContent }> {
    const known = this.#made.get(fold);
    if (known) return known;
    const content = await this.#content(fold);
    const made = { id: summaryId(content), content };
    this.#made.set(fold, made);
    return made;
  }

  result(): Omit<MadeNodes, "units"> {
    const contents = [...this.#made.values()].map(({ content }) => content);
    const deterministic = contents.filter(({ needsRepair }) => needsRepair).length;
    return { contents, deterministic, faults: this.#faults, isDown: this.#isDown };
  }

  async #content(fold: Fold): Promise<SummaryContent> {
    const { first, last } = fold;
    const hash = await this.#source.hashAt(last);
    if (hash === undefined) throw new Error(`There is no message ${last} to label.`);
    const covers = { first, last, hash };
    const cap = Math.max(1, Math.floor(fold.cap / this.#factor));
    if (fold.type === "condensed") {
      const children = await this.#children(fold);
      const sources = children.map(({ id }) => id);
      const label = await this.#label(sources.join(" "), sourceOfLabels(children), cap);
      return { kind: "condensed", covers, level: fold.level, sources, ...partsOf(label) };
    }
    const messages = await this.#source.messages(first, last);
    if (fold.type === "stub") {
      const stub = stubContent(messages, cap);
      if (stub) return { kind: "leaf", covers, level: 1, ...stub };
    }
    return {
      kind: "leaf",
      covers,
      level: 1,
      ...partsOf(await this.#label(hash + first, sourceOf(messages), cap)),
    };
  }

  async #label(stretch: string, source: LabelSource, cap: number): Promise<Label> {
    if (source.tokens <= cap || source.tokens < leastForModel) return excerptOf(source, cap);
    if (!this.#isWanted()) throw new Superseded();
    const label = await this.#desk.label(stretch, cap, () => summarize(source, cap, this.#summariser));
    this.#faults.push(...label.faults);
    if (label.isDown) {
      this.#isDown = true;
      this.#summariser = undefined;
    }
    return label;
  }

  async #children(
    fold: Fold & { type: "condensed" },
  ): Promise<readonly (Pick<SummaryNode, "text" | "covers"> & { id: SummaryId })[]> {
    const children = [];
    for (const child of fold.children) {
      if (child.type === "fold") {
        const { id, content } = await this.make(child.fold);
        children.push({ id, text: content.text, covers: content.covers });
        continue;
      }
      const node = await this.#source.node(child.id);
      if (!node) throw new Error(`The label ${child.id} is neither shown nor made.`);
      children.push({ id: child.id, text: node.text, covers: node.covers });
    }
    return children;
  }
}

// So little is said in fewer tokens that an excerpt is as good as any label.
const leastForModel = 40;

/** The beginning of a source, for what is hardly longer than a label. It needs no repair: nothing better could be made. */
function excerptOf(source: LabelSource, cap: number): Label {
  const text = beginning(
    source.parts.map(({ role, text }) => `${role}: ${text}`).join("\n"),
    Math.min(cap, source.tokens),
  );
  return {
    text,
    tokens: estimateTokens(text),
    origin: { type: "deterministic" },
    needsRepair: false,
    faults: [],
    isDown: false,
  };
}

type LabelFields = Pick<SummaryContent, "text" | "tokens" | "origin" | "needsRepair" | "metadata">;

function partsOf({ text, tokens, origin, needsRepair }: Label): LabelFields {
  return { text, tokens, origin, needsRepair };
}

/** A stub is no label that could be better: it needs no repair, and becomes part of one when its time comes. */
function stubContent(messages: readonly StoredMessage[], cap: number): LabelFields | undefined {
  const stub = stubOf(messages, cap);
  if (!stub) return undefined;
  const text = labelWithoutModel(sourceOf(messages), Math.max(16, Math.floor(cap / 2)));
  return {
    ...{ text, tokens: estimateTokens(text), origin: { type: "deterministic" }, needsRepair: false },
    // Messages are JSON by definition; their type just doesn't say so.
    metadata: { stub: { messages: stub } } as unknown as JsonObject,
  };
}

/** Our estimate of what a node takes in a request. */
export function shownTokens(content: SummaryContent): number {
  const stub = content.metadata?.["stub"];
  if (stub === undefined) return content.tokens + fenceTokens;
  const { messages } = stub as unknown as { messages: Parameters<typeof messageTokens>[0][] };
  return messages.reduce((sum, message) => sum + messageTokens(message), 0);
}

function leavesOf(units: readonly Unit[]): readonly Fold[] {
  return units.flatMap((unit) => {
    if (unit.type !== "fold") return [];
    return unit.fold.type === "condensed" ? leavesOf(unit.fold.children) : [unit.fold];
  });
}

async function inBatches<Item>(
  items: readonly Item[],
  size: number,
  work: (item: Item) => Promise<unknown>,
): Promise<void> {
  const queue = [...items];
  const workers = Array.from({ length: Math.min(size, queue.length) }, async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  });
  await Promise.all(workers);
}
