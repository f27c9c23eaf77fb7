/** What one client, or all clients of one tenant, work with: an engine, the corpora they named, the runs under way. */
import type { Engine, RunLimits } from "../engine/index.ts";
import type { ToolService } from "../setup/tool-service.ts";
import { NamedCorpora } from "./named-corpora.ts";
import { RunsUnderWay } from "./runs-under-way.ts";

export class Workspace {
  readonly engine: Engine;
  readonly ceilings: RunLimits;
  readonly corpora: NamedCorpora;
  readonly runs: RunsUnderWay = new RunsUnderWay();

  constructor(engine: Engine, ceilings: RunLimits) {
    this.engine = engine;
    this.ceilings = ceilings;
    this.corpora = new NamedCorpora(engine);
  }

  /** What is asked for, as far as the ceilings allow. */
  limits(asked: RunLimits): RunLimits {
    const names = ["costUsd", "calls", "tokens", "timeMs", "depth"] as const;
    return Object.fromEntries(
      names.flatMap((name) => {
        const values = [this.ceilings[name], asked[name]].filter((value) => value !== undefined);
        return values.length === 0 ? [] : [[name, Math.min(...values)]];
      }),
    );
  }

  /** Ends what is under way; the engine is its owner's to close. */
  async close(): Promise<void> {
    await this.runs.close();
    await this.corpora.close();
  }
}

/** One for each tenant, made when it is first asked for. */
export class Workspaces {
  readonly #service: ToolService;
  readonly #open = new Map<string | undefined, Workspace>();

  constructor(service: ToolService) {
    this.#service = service;
  }

  of(tenant: string | undefined): Workspace {
    const known = this.#open.get(tenant);
    if (known) return known;
    const workspace = new Workspace(this.#service.engine(tenant), this.#service.ceilings);
    this.#open.set(tenant, workspace);
    return workspace;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((workspace) => workspace.close()));
  }
}
