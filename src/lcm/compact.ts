/**
 * Compaction of one branch: labels are made outside any lock, ready ones wait, and a swap puts them in place at once if
 * nobody else did. A failure of any of it leaves the conversation as it was.
 */
import { summaryId, type BranchRef, type SummaryContent } from "../core/conversation.ts";
import type { ConversationStore } from "../core/conversation-store.ts";
import { ConfigError } from "../core/errors.ts";
import { grouped } from "../core/grouped.ts";
import type { SummaryId } from "../core/ids.ts";
import { assembleContext, overheadTokens, type Assembled } from "./assemble.ts";
import { itemsOf, unitsOf } from "./entries.ts";
import { LabelDesk } from "./label-desk.ts";
import { makeNodes, type MadeNodes, type NodeSource } from "./make-nodes.ts";
import { compacted, decide, isWorthPreparing, type Decision, type SwapReason } from "./plan.ts";
import { repairNodes } from "./repair.ts";
import type { Situation } from "./situation.ts";
import { sizesFor, type Sizes } from "./sizes.ts";
import type { Summariser } from "./summarize.ts";
import { foldsOf, totalTokens, type NodeUnit, type Unit } from "./units.ts";
import type { ActiveView } from "./view.ts";

export interface Settled extends Assembled {
  /** Why the request is as it is: the last decision, and the swap it led to. */
  readonly reason: string;
  readonly sizes: Sizes;
}

export interface CompactResult {
  readonly status: "swapped" | "nothing-to-gain" | "outdated";
  readonly tokensBefore: number;
  readonly tokensAfter: number;
  readonly reason: string;
  /** Labels that had to be made without the model. */
  readonly deterministic: number;
}

interface Ready {
  /** The context's version that the labels were made for. */
  readonly version: number;
  readonly nodes: readonly NodeUnit[];
  readonly contents: readonly SummaryContent[];
  readonly isRepair: boolean;
}

export class Compactor {
  readonly #store: ConversationStore;
  readonly #ref: BranchRef;
  readonly #view: ActiveView;
  readonly #desk = new LabelDesk();
  #ready: Ready | undefined;

  constructor(store: ConversationStore, ref: BranchRef, view: ActiveView) {
    this.#store = store;
    this.#ref = ref;
    this.#view = view;
  }

  /** The next request, after the swap that is due, if one is. Throws ConfigError "window_too_small", StoreError. */
  async settle(situation: Situation): Promise<Settled> {
    let swapped: string | undefined;
    for (let round = 1; ; round++) {
      await this.#view.refresh();
      const { assembled, units, sizes } = this.#look(situation);
      const ready = this.#withReady(units);
      const decision = this.#decide(situation, assembled, units, ready, sizes);
      if (decision.type !== "swap" || round > mostRounds) {
        if (assembled.tokens > sizes.hard) throw stillTooLong(assembled.tokens, sizes);
        const reason = swapped ?? (decision.type === "nothing" ? decision.reason : "labels are being made");
        return { ...assembled, reason, sizes };
      }
      const result = await this.#swap(situation, units, decision.target, decision.reason, sizes);
      if (result.status === "swapped") swapped = `swapped: ${decision.reason}`;
      // Only a swap that must be may be tried again; the others have time.
      else if (decision.reason !== "hard limit") this.#ready = undefined;
    }
  }

  /** What labels should be made for while nobody waits; undefined where there is nothing to do. */
  async planAhead(situation: Situation): Promise<readonly Unit[] | undefined> {
    await this.#view.refresh();
    const { assembled, units, sizes } = this.#look(situation);
    if (assembled.tokens <= sizes.soft || sizes.room <= 0) return undefined;
    const ready = this.#withReady(units);
    const target = compacted(ready, sizes);
    return isWorthPreparing(ready, target, sizes) ? target : undefined;
  }

  /** Makes labels ready for a later swap. What the model could not do well is left undone. Throws Superseded. */
  async prepare(
    situation: Situation,
    target: readonly Unit[],
    summariser: Summariser | undefined,
  ): Promise<MadeNodes> {
    const version = this.#view.version;
    const made = await makeNodes(target, this.#source(), {
      ...{ summariser, factor: situation.request.factor, desk: this.#desk },
      isWanted: () => this.#view.version === version,
    });
    this.#keep(version, summariser === undefined ? made : withoutFailed(made), false);
    return made;
  }

  /** Makes anew what was labelled without a model, oldest first. True where there was something to do. */
  async repair(situation: Situation, summariser: Summariser): Promise<"repaired" | "failed" | "nothing"> {
    const version = this.#view.version;
    const { units, sizes } = this.#look(situation);
    const flagged = new Set(this.#flagged());
    const nodes = this.#withReady(units).flatMap((unit) =>
      unit.type === "node" && flagged.has(unit.id) ? [unit] : [],
    );
    if (nodes.length === 0) return "nothing";
    const made = await repairNodes(nodes, this.#store, this.#ref, {
      summariser,
      sizes,
      factor: situation.request.factor,
    });
    if (made.contents.length > 0) this.#keep(version, made, true);
    return made.failed ? "failed" : "repaired";
  }

  get needsRepair(): boolean {
    return this.#flagged().length > 0;
  }

  /** All but the newest messages as labels, now. */
  async compactNow(situation: Situation): Promise<CompactResult> {
    await this.#view.refresh();
    const { units, sizes } = this.#look(situation);
    const target = compacted(this.#withReady(units), sizes);
    return this.#swap(situation, units, target, "asked for", sizes);
  }

  /** For recall: a label that is shown, ready or stored. */
  #source(): NodeSource {
    return {
      messages: (first, last) => this.#view.messages(first, last),
      hashAt: (position) => this.#view.hashAt(position),
      node: async (id) =>
        this.#ready?.contents.find((content) => summaryId(content) === id) ??
        (await this.#store.summaries.get(this.#ref.conversationId, id)),
    };
  }

  #look(situation: Situation): { assembled: Assembled; units: readonly Unit[]; sizes: Sizes } {
    const { request } = situation;
    const assembled = assembleContext({ ...request, entries: this.#view.entries });
    const units = unitsOf(this.#view.entries, request.factor);
    // What pairing and rounding add is counted too: the limit is one for the request, not for its parts.
    const overhead = Math.max(overheadTokens(request, true), assembled.tokens - totalTokens(units));
    return { assembled, units, sizes: sizesFor({ ...situation.window, overhead, factor: request.factor }) };
  }

  #decide(
    { cache, labelsAreFree }: Situation,
    { tokens }: Assembled,
    units: readonly Unit[],
    ready: readonly Unit[],
    sizes: Sizes,
  ): Decision {
    const isFitting = sizes.overhead + totalTokens(ready) <= sizes.hard;
    if (this.#ready?.isRepair && isFitting) return { type: "swap", target: ready, reason: "labels repaired" };
    return decide({ units, ready, sizes, cache, labelsAreFree, tokens });
  }

  /** The units as they would be with the labels that are ready; labels made for an older context are dropped. */
  #withReady(units: readonly Unit[]): readonly Unit[] {
    const ready = this.#ready;
    if (!ready) return units;
    if (ready.version !== this.#view.version) {
      this.#ready = undefined;
      return units;
    }
    const result: Unit[] = [];
    let next = 0;
    for (const unit of units) {
      let node = ready.nodes[next];
      while (node && node.last < unit.first) node = ready.nodes[++next];
      if (!node || unit.last < node.first) result.push(unit);
      else if (unit.first === node.first) result.push(node);
    }
    return result;
  }

  #keep(version: number, made: Pick<MadeNodes, "units" | "contents">, isRepair: boolean): void {
    const before = this.#ready?.version === version ? this.#ready : undefined;
    const contents = [...(before?.contents ?? []), ...made.contents];
    const ids = new Set<SummaryId>(contents.map(summaryId));
    const covered = new Map<number, NodeUnit>();
    for (const unit of [...(before?.nodes ?? []), ...made.units])
      if (unit.type === "node" && ids.has(unit.id)) {
        for (const [first, node] of covered)
          if (node.first >= unit.first && node.last <= unit.last) covered.delete(first);
        covered.set(unit.first, unit);
      }
    const nodes = [...covered.values()].sort((a, b) => a.first - b.first);
    this.#ready = { version, nodes, contents, isRepair: isRepair || (before?.isRepair ?? false) };
  }

  async #swap(
    situation: Situation,
    units: readonly Unit[],
    target: readonly Unit[],
    reason: SwapReason,
    sizes: Sizes,
  ): Promise<CompactResult> {
    const tokensBefore = sizes.overhead + totalTokens(units);
    const isNothing = foldsOf(target).length === 0 && itemsKey(target) === itemsKey(units);
    if (isNothing) return nothing(tokensBefore, "there is nothing that a label would make shorter");
    const { emit, signal } = situation;
    const version = this.#view.version;
    const startedAt = Date.now();
    const folds = foldsOf(target);
    emit({ type: "compaction-start", reason, tokens: tokensBefore, ...newlyLabelled(units, target) });
    const end = (
      status: "swapped" | "outdated" | "failed",
      tokensAfter: number,
      deterministic: number,
    ): void => {
      const durationMs = Date.now() - startedAt;
      emit({ type: "compaction-end", reason, status, tokensBefore, tokensAfter, deterministic, durationMs });
    };
    try {
      const summariser = folds.length === 0 ? undefined : await situation.summariser();
      const { factor } = situation.request;
      const made = await makeNodes(target, this.#source(), { summariser, factor, desk: this.#desk });
      signal.throwIfAborted();
      const tokensAfter = sizes.overhead + totalTokens(made.units);
      if (reason !== "labels repaired" && tokensAfter >= tokensBefore) {
        end("failed", tokensBefore, made.deterministic);
        return nothing(tokensBefore, "the labels would not be shorter than what they stand for");
      }
      const swap = await this.#store.swap(this.#ref, {
        ...{ expectedVersion: version, reason, items: itemsOf(made.units) },
        newSummaries: [...(this.#ready?.contents ?? []), ...made.contents],
      });
      this.#ready = undefined;
      end(swap.status, tokensAfter, made.deterministic);
      await this.#view.refresh();
      return { status: swap.status, tokensBefore, tokensAfter, reason, deterministic: made.deterministic };
    } catch (error) {
      end("failed", tokensBefore, 0);
      throw error;
    }
  }

  #flagged(): readonly SummaryId[] {
    const repaired = new Set(this.#ready?.nodes.map(({ first, last }) => `${first}-${last}`));
    return this.#view.entries.flatMap((entry) => {
      if (entry.type !== "node" || !entry.node.needsRepair) return [];
      const { first, last } = entry.node.covers;
      return repaired.has(`${first}-${last}`) ? [] : [entry.node.id];
    });
  }
}

const mostRounds = 6;

/** The stretch that is shown otherwise afterwards: labels to be made, and those that were made ahead. */
function newlyLabelled(
  units: readonly Unit[],
  target: readonly Unit[],
): { readonly first: number; readonly last: number } {
  const known = new Set(units.flatMap((unit) => (unit.type === "node" ? [unit.id] : [])));
  const changed = target.filter((unit) =>
    unit.type === "node" ? !known.has(unit.id) : unit.type === "fold",
  );
  const all = changed.length === 0 ? units : changed;
  return { first: all[0]?.first ?? 1, last: all.at(-1)?.last ?? 1 };
}

/** Nodes that the model made well, all the way down. The others leave their messages as they are, for another try. */
function withoutFailed({ units, contents }: MadeNodes): Pick<MadeNodes, "units" | "contents"> {
  const byId = new Map(contents.map((content) => [summaryId(content), content]));
  const isGood = (id: SummaryId): boolean => {
    const content = byId.get(id);
    if (!content) return true;
    return !content.needsRepair && (content.kind === "leaf" || content.sources.every(isGood));
  };
  return {
    units: units.filter((unit) => unit.type !== "node" || isGood(unit.id)),
    contents: [...byId].filter(([id]) => isGood(id)).map(([, content]) => content),
  };
}

function nothing(tokens: number, reason: string): CompactResult {
  return { status: "nothing-to-gain", tokensBefore: tokens, tokensAfter: tokens, reason, deterministic: 0 };
}

function itemsKey(units: readonly Unit[]): string {
  return JSON.stringify(itemsOf(units));
}

function stillTooLong(tokens: number, { hard, window }: Sizes): ConfigError {
  return new ConfigError(
    "window_too_small",
    `The next request is about ${grouped(tokens)} tokens and can't be made shorter; ${grouped(hard)} of the model's ${grouped(window)} are for it. Use a model with a larger window, or fewer tools.`,
  );
}
