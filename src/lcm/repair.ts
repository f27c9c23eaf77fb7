/** Makes labels anew that had to be made without a model: first what they are made of, then they themselves. */
import { summaryId, type BranchRef, type SummaryContent, type SummaryNode } from "../core/conversation.ts";
import type { ConversationStore } from "../core/conversation-store.ts";
import type { SummaryId } from "../core/ids.ts";
import { shownTokens } from "./make-nodes.ts";
import type { Sizes } from "./sizes.ts";
import { sourceOf, sourceOfLabels } from "./source.ts";
import { summarize, type Summariser } from "./summarize.ts";
import type { NodeUnit } from "./units.ts";

export interface Repaired {
  readonly units: readonly NodeUnit[];
  readonly contents: readonly SummaryContent[];
  /** The model failed again; what was done before is kept. */
  readonly failed: boolean;
}

export interface RepairOptions {
  readonly summariser: Summariser;
  readonly sizes: Sizes;
  readonly factor: number;
  /** Most labels made at once: what is left is for the next time. @default 8 */
  readonly most?: number;
}

export async function repairNodes(
  nodes: readonly NodeUnit[],
  store: ConversationStore,
  ref: BranchRef,
  options: RepairOptions,
): Promise<Repaired> {
  const repair = new Repair(store, ref, options);
  const units: NodeUnit[] = [];
  for (const unit of nodes) {
    const made = await repair.node(unit.id);
    if (!made) break;
    units.push({ ...unit, id: summaryId(made), tokens: Math.ceil(shownTokens(made) * options.factor) });
  }
  return { units, contents: repair.contents, failed: repair.failed };
}

class Repair {
  readonly contents: SummaryContent[] = [];
  failed = false;
  readonly #store: ConversationStore;
  readonly #ref: BranchRef;
  readonly #options: RepairOptions;
  #left: number;
  /** Repairs of an earlier time, of parts of a node whose repair wasn't finished. */
  #known: Promise<ReadonlyMap<string, SummaryNode>> | undefined;

  constructor(store: ConversationStore, ref: BranchRef, options: RepairOptions) {
    this.#store = store;
    this.#ref = ref;
    this.#options = options;
    this.#left = options.most ?? 8;
  }

  /** Undefined where it can't be done now. */
  async node(id: SummaryId): Promise<SummaryContent | undefined> {
    const node = await this.#store.summaries.get(this.#ref.conversationId, id);
    if (!node || this.failed) return undefined;
    const children = node.kind === "condensed" ? await this.#children(node.sources) : undefined;
    if ((node.kind === "condensed" && !children) || this.#left <= 0) return undefined;
    const source = children
      ? sourceOfLabels(children)
      : sourceOf(
          await Array.fromAsync(
            this.#store.messages.read(this.#ref, { first: node.covers.first, last: node.covers.last }),
          ),
        );
    this.#left--;
    const { sizes, factor, summariser } = this.#options;
    const cap = Math.max(node.tokens, Math.floor(sizes.capOfLevel(node.level) / factor));
    const label = await summarize(source, cap, summariser);
    if (label.needsRepair) {
      this.failed = true;
      return undefined;
    }
    const { text, tokens, origin, needsRepair } = label;
    const common = { covers: node.covers, level: node.level, text, tokens, origin, needsRepair };
    const content: SummaryContent = children
      ? { ...common, kind: "condensed", sources: children.map((child) => child.id) }
      : { ...common, kind: "leaf" };
    this.contents.push(content);
    // Kept at once: a large node takes several times, and what was paid for must not be paid again.
    await this.#store.summaries.put(this.#ref, [content]);
    return content;
  }

  /** The labels a node is made of, repaired where they need it. */
  async #children(
    ids: readonly SummaryId[],
  ): Promise<readonly (Pick<SummaryNode, "text" | "covers"> & { id: SummaryId })[] | undefined> {
    const children: (Pick<SummaryNode, "text" | "covers"> & { id: SummaryId })[] = [];
    for (const id of ids) {
      const node = await this.#store.summaries.get(this.#ref.conversationId, id);
      if (!node) return undefined;
      const known = node.needsRepair ? (await this.#earlier()).get(key(node)) : node;
      const good = known ?? (await this.node(id));
      if (!good) return undefined;
      const goodId = known?.id ?? summaryId(good);
      children.push({ id: goodId, text: good.text, covers: good.covers });
    }
    return children;
  }

  #earlier(): Promise<ReadonlyMap<string, SummaryNode>> {
    this.#known ??= this.#store.summaries
      .list(this.#ref)
      .then(
        (nodes) => new Map(nodes.flatMap((node) => (node.needsRepair ? [] : [[key(node), node] as const]))),
      );
    return this.#known;
  }
}

function key({ kind, level, covers }: SummaryNode): string {
  return `${kind} ${level} ${covers.first}-${covers.last}`;
}
