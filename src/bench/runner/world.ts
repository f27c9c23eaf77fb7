/** The models, engine and sandbox that the tasks of one world are answered with: simulated ones, or a user's. */
import { join } from "node:path";
import { Budget } from "../../core/budget.ts";
import { newRunId } from "../../core/ids.ts";
import { CallLimiter } from "../../core/limiter.ts";
import type { Model } from "../../core/model.ts";
import { emitter } from "../../core/scope.ts";
import { TokenCalibration } from "../../core/tokens.ts";
import type { TraceEvent } from "../../core/trace.ts";
import { Engine } from "../../engine/index.ts";
import { openaiCompatible } from "../../models/index.ts";
import { BuiltInParts } from "../../setup/open-engine.ts";
import type { Setting } from "../arms/arm.ts";
import { withAccount } from "./ledger.ts";
import { simulatedPrices } from "../simulated/settings.ts";

export interface BenchModels {
  readonly model: Model;
  readonly subModel: Model;
  /** Judges answers that can't be scored by comparing texts. */
  readonly judgeModel?: Model;
}

export function simulatedModels(baseUrl: string, world: string, windowTokens: number): BenchModels {
  const make = (id: keyof typeof simulatedPrices): Model =>
    openaiCompatible({
      ...{ baseUrl, id, apiKey: world, contextWindow: windowTokens },
      price: simulatedPrices[id],
    });
  return { model: make("sim-root"), subModel: make("sim-leaf") };
}

export class World implements AsyncDisposable {
  readonly #parts: BuiltInParts;
  readonly #engine: Engine;
  readonly #models: BenchModels;
  readonly #concurrency: number;

  readonly #sandbox: "wasm" | "native";
  /** Is told what each call costs; set for each task. */
  spend: (usd: number) => void = () => {};

  constructor(models: BenchModels, home: string, sandbox: "wasm" | "native", concurrency: number) {
    const model = withAccount(models.model, (usd) => this.spend(usd));
    const subModel =
      models.subModel === models.model ? model : withAccount(models.subModel, (usd) => this.spend(usd));
    const judgeModel = models.judgeModel && withAccount(models.judgeModel, (usd) => this.spend(usd));
    this.#models = { model, subModel, ...(judgeModel && { judgeModel }) };
    this.#concurrency = concurrency;
    this.#sandbox = sandbox;
    this.#parts = this.#newParts(join(home, "home"));
    this.#engine = new Engine(this.#parts, { limits: { concurrency } });
  }

  /** Another engine of the same models, whose stores are in that folder. */
  newEngine(home: string): Engine {
    return new Engine(this.#newParts(home), { limits: { concurrency: this.#concurrency } });
  }

  get judgeModel(): Model | undefined {
    return this.#models.judgeModel;
  }

  #newParts(home: string): BuiltInParts {
    const { model, subModel } = this.#models;
    return new BuiltInParts({ model, subModel, modelsByDepth: [model], sandbox: this.#sandbox, home });
  }

  setting(
    limits: Setting["limits"],
    callTimeoutMs: number | undefined,
    signal: AbortSignal,
    watch: (event: TraceEvent) => void,
  ): Omit<Setting, "addUnseen" | "freshEngine"> {
    const identity = { runId: newRunId(), parentRunId: undefined, depth: 0 };
    let seq = 0;
    const nextSeq = (): number => ++seq;
    const emit = emitter(identity, nextSeq, watch);
    const { model, subModel } = this.#models;
    return {
      ...{ model, subModel },
      engine: this.#engine,
      sandbox: this.#parts.sandbox(),
      limits: { ...limits, ...(callTimeoutMs !== undefined && { callTimeoutMs }) },
      signal,
      watch,
      openCorpus: (paths) =>
        this.#parts.openCorpus({ paths }, { signal, cwd: process.cwd(), onProgress: () => {} }),
      scope: {
        ...identity,
        budget: new Budget(limits),
        signal,
        emit,
        occurrences: new Map(),
        tree: {
          rootRunId: identity.runId,
          publish: watch,
          nextSeq,
          limiter: new CallLimiter(this.#concurrency),
          calibration: new TokenCalibration(),
          answers: undefined,
          useCache: false,
          resumed: false,
          accounted: new Set(),
          callTimeoutMs: callTimeoutMs ?? 180_000,
        },
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.close();
  }
}
