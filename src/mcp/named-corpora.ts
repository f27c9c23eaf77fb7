/** Corpora that clients have named, held open for as long as the server runs. Which files may be read is decided before. */
import type { ContextInput } from "../core/context.ts";
import type { Corpus } from "../core/corpus.ts";
import { ConfigError } from "../core/errors.ts";
import type { Engine } from "../engine/index.ts";

export interface NamedCorpus {
  readonly name: string;
  /** What it was opened from: questions over it open it again for themselves. */
  readonly input: ContextInput;
  readonly workingFolder: string | undefined;
  readonly corpus: Corpus;
}

/** Files stay open with a corpus, and texts of it in memory. */
const mostCorpora = 32;
const namePattern = /^[\p{L}\p{N}][\p{L}\p{N}._ -]{0,63}$/u;

export class NamedCorpora {
  readonly #engine: Pick<Engine, "openCorpus">;
  readonly #open = new Map<string, NamedCorpus>();

  constructor(engine: Pick<Engine, "openCorpus">) {
    this.#engine = engine;
  }

  /** One of this name is replaced once the new one is open. */
  async add(
    name: string,
    input: ContextInput,
    { workingFolder, signal }: { readonly workingFolder: string | undefined; readonly signal: AbortSignal },
  ): Promise<NamedCorpus> {
    if (!namePattern.test(name))
      throw new ConfigError(
        "invalid_input",
        `A corpus can't be called "${name}": use letters, digits, spaces, ".", "_" and "-", at most 64.`,
      );
    if (!this.#open.has(name) && this.#open.size >= mostCorpora)
      throw new ConfigError(
        "invalid_input",
        `There are ${mostCorpora} corpora, as many as may be. Use the name of one that is no longer needed: ${this.#names()}.`,
      );
    const corpus = await this.#engine.openCorpus(input, {
      signal,
      ...(workingFolder !== undefined && { workingFolder }),
    });
    const named = { name, input, workingFolder, corpus };
    const before = this.#open.get(name);
    this.#open.set(name, named);
    await before?.corpus.close();
    return named;
  }

  /** Throws ConfigError "not_found", naming those that there are. */
  get(name: string): NamedCorpus {
    const named = this.#open.get(name);
    if (named) return named;
    const remedy = this.#open.size === 0 ? "Make it with corpus_add first." : `There are: ${this.#names()}.`;
    throw new ConfigError("not_found", `There is no corpus "${name}". ${remedy}`);
  }

  list(): readonly NamedCorpus[] {
    return [...this.#open.values()];
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.allSettled(open.map(({ corpus }) => corpus.close()));
  }

  #names(): string {
    return [...this.#open.keys()].join(", ");
  }
}
