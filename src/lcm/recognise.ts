/**
 * Recognises a conversation in the list of messages that a client sends whole each time: what is known stays, what is new is
 * added, and where the past was changed a branch begins. It answers nothing.
 */
import type { Branch } from "../core/conversation.ts";
import { StoreError } from "../core/errors.ts";
import { canonicalJson, sha256 } from "../core/json.ts";
import type { OpenConversation } from "./conversation.ts";
import type { MessageInput } from "./input.ts";
import { toMessage } from "./input.ts";
import { VisibleHistory, type Atom } from "./visible.ts";

export interface Recognised {
  /** On the branch that now ends with the list. */
  readonly conversation: OpenConversation;
  /** What the list begins with. It belongs to the request and is not kept. */
  readonly instructions: string | undefined;
  /** Messages that were added. */
  readonly added: number;
  /** Set where the list left a branch: the last message that both have. */
  readonly branchedAt: number | undefined;
  /** To be called once the answer is kept or given up. Until then another list with the same past gets a branch of its own. */
  release(): void;
}

export class Recogniser {
  readonly #conversation: OpenConversation;
  readonly #branches = new Map<string, Known>();
  #queue: Promise<unknown> = Promise.resolve();
  #uses = 0;

  /** Branches are opened as this one is: with its model, its settings. */
  constructor(conversation: OpenConversation) {
    this.#conversation = conversation;
  }

  /** One list after the other; nobody waits for answers. Throws ConfigError "invalid_input", StoreError. */
  recognise(messages: readonly MessageInput[]): Promise<Recognised> {
    const next = this.#queue.then(() => this.#recognise(messages));
    this.#queue = next.catch(() => undefined);
    return next;
  }

  async #recognise(messages: readonly MessageInput[]): Promise<Recognised> {
    const list = readList(messages);
    for (let attempt = 1; ; attempt++) {
      await this.#refresh();
      try {
        return await this.#place(list);
      } catch (error) {
        // Somebody else added to the branch meanwhile: look again.
        const isOvertaken = error instanceof StoreError && error.code === "version_conflict";
        if (!isOvertaken || attempt >= mostAttempts) throw error;
      }
    }
  }

  async #place({ messages, atoms, instructions }: ClientList): Promise<Recognised> {
    const { known, matched } = this.#best(atoms);
    const goesOn = !known.isBusy && matched === known.history.atoms.length;
    const place = goesOn ? known.history.through : placeBefore(known.history, matched);
    const branch = goesOn ? known : await this.#fork(known, matched, place);
    const added = await this.#add(branch, messages, atoms, matched);
    branch.isBusy = true;
    branch.usedAt = ++this.#uses;
    return {
      conversation: branch.conversation,
      instructions,
      added,
      branchedAt: goesOn ? undefined : place,
      release: () => void (branch.isBusy = false),
    };
  }

  /** The branch with the longest common past; of equals, one that can be gone on with, used last. */
  #best(atoms: readonly Atom[]): { known: Known; matched: number } {
    let best: { known: Known; matched: number; rank: number } | undefined;
    for (const known of this.#branches.values()) {
      const matched = commonLength(known.history.atoms, atoms);
      const isFree = !known.isBusy && matched === known.history.atoms.length;
      const rank = (isFree ? Number.MAX_SAFE_INTEGER / 2 : 0) + known.usedAt;
      if (!best || matched > best.matched || (matched === best.matched && rank > best.rank))
        best = { known, matched, rank };
    }
    if (best) return best;
    throw new StoreError("corrupt", `The conversation "${this.#conversation.id}" has no branch.`);
  }

  async #fork(from: Known, matched: number, place: number): Promise<Known> {
    const conversation = await from.conversation.branch(place);
    const { branchName } = conversation;
    const head = await headOf(conversation);
    const history = new VisibleHistory(from.history.atoms.slice(0, matched), place);
    const known = { conversation, history, head, isBusy: false, usedAt: ++this.#uses };
    this.#branches.set(branchName, known);
    return known;
  }

  async #add(
    branch: Known,
    messages: readonly MessageInput[],
    atoms: readonly Atom[],
    matched: number,
  ): Promise<number> {
    const start = atoms[matched]?.first;
    if (start === undefined) return 0;
    const keys = keysOf(atoms);
    const fresh = messages.slice(start).map((message, index) => {
      const key = message.key ?? keys.get(start + index);
      return key === undefined ? message : { ...message, key };
    });
    const appended = await branch.conversation.append(fresh, { expectedHead: branch.head });
    for (const [index, { position, hash }] of appended.entries()) {
      const message = fresh[index];
      if (message) branch.history.add(toMessage(message), position);
      branch.head = hash;
    }
    return appended.length;
  }

  /** Reads what answers, other processes and other programs have added since. */
  async #refresh(): Promise<void> {
    for (const branch of await this.#conversation.branches()) {
      const known = this.#branches.get(branch.name) ?? this.#meet(branch);
      if (known.head === branch.head.hash) continue;
      known.head = branch.head.hash;
      for await (const stored of known.conversation.history({ first: known.history.through + 1 })) {
        known.history.add(stored.message, stored.position, stored.erased !== undefined);
        known.head = stored.hash;
      }
    }
  }

  #meet({ name, forkedFrom }: Branch): Known {
    const conversation = this.#conversation.with({ branch: name });
    const parent = forkedFrom && this.#branches.get(forkedFrom.name)?.history;
    const shared = parent && forkedFrom && sharedPart(parent, forkedFrom.position);
    const history = shared ? new VisibleHistory(shared, forkedFrom.position) : new VisibleHistory();
    const known = { conversation, history, head: "", isBusy: false, usedAt: 0 };
    this.#branches.set(name, known);
    return known;
  }
}

const mostAttempts = 8;

interface Known {
  readonly conversation: OpenConversation;
  readonly history: VisibleHistory;
  /** The chain's hash at what was read. */
  head: string;
  /** An answer is under way on it. */
  isBusy: boolean;
  usedAt: number;
}

interface ClientList {
  readonly messages: readonly MessageInput[];
  readonly atoms: readonly Atom[];
  readonly instructions: string | undefined;
}

function readList(messages: readonly MessageInput[]): ClientList {
  const history = new VisibleHistory();
  const instructions: string[] = [];
  messages.forEach((input, index) => {
    const message = toMessage(input);
    if (message.role === "system" && instructions.length === index) instructions.push(message.content);
    history.add(message, index);
  });
  return {
    messages,
    atoms: history.atoms,
    instructions: instructions.length === 0 ? undefined : instructions.join("\n\n"),
  };
}

/** How many atoms both begin with, ending where a message ends on both sides. */
function commonLength(stored: readonly Atom[], sent: readonly Atom[]): number {
  let length = 0;
  for (let index = 0; index < Math.min(stored.length, sent.length); index++) {
    const [mine, theirs] = [stored[index], sent[index]];
    if (!mine || !theirs || mine.role !== theirs.role) break;
    if (mine.print !== undefined && mine.print !== theirs.print) break;
    if (mine.isEnd && theirs.isEnd) length = index + 1;
  }
  return length;
}

/** The last place before an atom: what a client doesn't see goes with what stands before it. */
function placeBefore({ atoms, through }: VisibleHistory, index: number): number {
  const next = atoms[index];
  return next ? next.first - 1 : through;
}

/** The atoms up to a place, unless it lies within one. */
function sharedPart({ atoms }: VisibleHistory, place: number): readonly Atom[] | undefined {
  const shared = atoms.filter(({ first }) => first <= place);
  return shared.every(({ last }) => last <= place) ? shared : undefined;
}

/** A name for each message from all that stands before it: sent twice, even by two processes, it is added once. */
function keysOf(atoms: readonly Atom[]): ReadonlyMap<number, string> {
  const keys = new Map<number, string>();
  let chain = "";
  for (const { print, last } of atoms) {
    chain = sha256(canonicalJson([chain, print]));
    keys.set(last, `sent ${chain.slice(0, 32)}`);
  }
  return keys;
}

async function headOf(conversation: OpenConversation): Promise<string> {
  const branches = await conversation.branches();
  return branches.find(({ name }) => name === conversation.branchName)?.head.hash ?? "";
}
