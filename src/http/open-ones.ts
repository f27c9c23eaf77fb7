/** The conversations of one engine that are in use: recognised by what clients send, closed once others are used more. */
import { sha256 } from "../core/json.ts";
import type { Message } from "../core/message.ts";
import {
  fingerprint,
  Recogniser,
  type Engine,
  type OpenConversation,
  type Recognised,
} from "../engine/index.ts";

interface Open {
  readonly recogniser: Recogniser;
  readonly branches: Set<OpenConversation>;
  /** Answers under way. */
  uses: number;
}

export class OpenOnes {
  readonly #engine: Engine;
  /** The last used stand last. */
  readonly #open = new Map<string, Open>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Conversations that begin with the same words are branches of one. */
  async recognise(messages: readonly Message[]): Promise<Recognised> {
    const first = messages.find(({ role }) => role !== "system");
    const id = `served_${sha256(first ? fingerprint(first) : "").slice(0, 20)}`;
    const open = this.#open.get(id) ?? this.#openOne(id);
    this.#open.delete(id);
    this.#open.set(id, open);
    open.uses++;
    try {
      const recognised = await open.recogniser.recognise(messages);
      open.branches.add(recognised.conversation);
      return {
        ...recognised,
        release: () => {
          open.uses--;
          recognised.release();
          this.#closeOldest();
        },
      };
    } catch (error) {
      open.uses--;
      throw error;
    }
  }

  get isIdle(): boolean {
    return [...this.#open.values()].every(({ uses }) => uses === 0);
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(all.map(closeOne));
  }

  #openOne(id: string): Open {
    return { recogniser: new Recogniser(this.#engine.conversation(id)), branches: new Set(), uses: 0 };
  }

  /** What falls out is read again from the store when it comes back. */
  #closeOldest(): void {
    for (const [id, open] of this.#open) {
      if (this.#open.size <= mostOpen) return;
      if (open.uses > 0) continue;
      this.#open.delete(id);
      closeOne(open).catch(() => undefined); // Only settles what has ended; nobody is left to be told.
    }
  }
}

const mostOpen = 200;

async function closeOne({ branches }: Open): Promise<void> {
  await Promise.all([...branches].map((conversation) => conversation.close()));
}
