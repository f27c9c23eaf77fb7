/** A branch's active context, held in memory and kept up with the store: whoever else writes to it is noticed. */
import type { ActiveContext, BranchRef, Head, StoredMessage, SummaryNode } from "../core/conversation.ts";
import type { ConversationStore } from "../core/conversation-store.ts";
import { StoreError } from "../core/errors.ts";
import { messageEntry, nodeEntry, type Entry } from "./entries.ts";

export class ActiveView {
  readonly #store: ConversationStore;
  readonly #ref: BranchRef;
  #large: number;
  #entries: Entry[] = [];
  #context: ActiveContext | undefined;
  #head: Head | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  /** @param large above so many tokens, files and results of tools are shown as handles */
  constructor(store: ConversationStore, ref: BranchRef, large: number) {
    this.#store = store;
    this.#ref = ref;
    this.#large = large;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** 0 before the first swap. Known once `refresh` was called. */
  get version(): number {
    return this.#context?.version ?? 0;
  }

  get head(): Head | undefined {
    return this.#head;
  }

  /** Another model may have another window; then messages are shown anew. */
  showAbove(large: number): void {
    if (large === this.#large) return;
    this.#large = large;
    this.#context = undefined;
  }

  /** Forgets what was read, for instance since something was erased. */
  invalidate(): void {
    this.#context = undefined;
  }

  /** Reads what is new: usually the last few messages, everything that is shown only after a swap. */
  refresh(): Promise<void> {
    const next = this.#queue.then(() => this.#refresh());
    // One failed read must not fail those that come after it.
    this.#queue = next.catch(() => undefined);
    return next;
  }

  /** Messages from `first` to `last`, from memory where they are shown, else from the store. */
  async messages(first: number, last: number): Promise<readonly StoredMessage[]> {
    const shown = this.#entries.flatMap((entry) =>
      entry.type === "message" && entry.stored.position >= first && entry.stored.position <= last
        ? [entry.stored]
        : [],
    );
    if (shown.length === last - first + 1) return shown;
    return await Array.fromAsync(this.#store.messages.read(this.#ref, { first, last }));
  }

  /** The chain's hash at a position: what holds there for this history and no other. */
  async hashAt(position: number): Promise<string | undefined> {
    for (const entry of this.#entries) {
      if (entry.type === "message" && entry.stored.position === position) return entry.stored.hash;
      if (entry.type === "node" && entry.node.covers.last === position) return entry.node.covers.hash;
    }
    // Labels are made while others swap: what was shown when the work began may be behind a label by now.
    for await (const { hash } of this.#store.messages.read(this.#ref, { first: position, last: position }))
      return hash;
    return undefined;
  }

  async #refresh(): Promise<void> {
    const [branch, context] = await Promise.all([
      this.#store.branch(this.#ref),
      this.#store.context(this.#ref),
    ]);
    if (this.#context?.version !== context.version) {
      const entries = await this.#entriesOf(context);
      await this.#readOn(entries, context.through, branch.head);
      this.#entries = entries;
      this.#context = context;
    } else if (branch.head.position !== this.#head?.position) {
      // Read aside and put in place at once: nobody may see half of it.
      const more: Entry[] = [];
      await this.#readOn(more, this.#head?.position ?? context.through, branch.head);
      this.#entries = [...this.#entries, ...more];
    }
    this.#head = branch.head;
  }

  async #readOn(entries: Entry[], after: number, { position }: Head): Promise<void> {
    if (position <= after) return;
    for await (const stored of this.#store.messages.read(this.#ref, { first: after + 1, last: position }))
      entries.push(messageEntry(stored, this.#large));
  }

  async #entriesOf({ items }: ActiveContext): Promise<Entry[]> {
    const known = new Map(
      this.#entries.flatMap((entry) => (entry.type === "node" ? [[entry.node.id, entry]] : [])),
    );
    const parts = await Promise.all(
      items.map(async (item): Promise<readonly Entry[]> => {
        if (item.type === "messages") {
          const stored = await Array.fromAsync(
            this.#store.messages.read(this.#ref, { first: item.first, last: item.last }),
          );
          return stored.map((message) => messageEntry(message, this.#large));
        }
        const entry = known.get(item.id);
        return [entry ?? nodeEntry(await this.#node(item.id))];
      }),
    );
    return parts.flat();
  }

  async #node(id: SummaryNode["id"]): Promise<SummaryNode> {
    const node = await this.#store.summaries.get(this.#ref.conversationId, id);
    if (node) return node;
    throw new StoreError(
      "corrupt",
      `The active context of "${this.#ref.conversationId}" shows the label ${id}, which is not stored. Run the check of its store.`,
    );
  }
}
