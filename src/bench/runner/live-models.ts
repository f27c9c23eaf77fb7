/** The user's models for l2, found as the CLI finds them. */
import { ConfigError } from "../../core/errors.ts";
import type { Json, JsonObject } from "../../core/json.ts";
import type { Model } from "../../core/model.ts";
import { readConfig } from "../../setup/config.ts";
import { findModels } from "../../setup/find-model.ts";
import { launch } from "../../setup/launch.ts";
import type { BenchFlags } from "../flags.ts";
import type { BenchModels } from "./world.ts";

export interface LiveModels extends BenchModels {
  readonly facts: JsonObject;
  readonly prices: Json;
}

/** Throws ConfigError where there is no language model: the built-in reader is none. */
export async function findLiveModels(flags: BenchFlags): Promise<LiveModels> {
  const around = { workingFolder: process.cwd(), environment: process.env };
  // Opens nothing; it knows where the person's own configuration is.
  const { homeFolder } = await launch({ limits: {} }, around);
  const config = await readConfig({ ...around, homeFolder });
  const { model: name, subModel: subName, baseUrl, contextWindow, subContextWindow } = flags;
  const found = await findModels({
    flags: { model: name, subModel: subName, baseUrl, contextWindow, subContextWindow },
    config,
    environment: process.env,
    reader: () => {
      throw new ConfigError(
        "no_model",
        "Level l2 needs a language model: give --model, with --base-url for a server of your own.",
      );
    },
  });
  const { model, subModel } = found;
  const judgeModel = flags.judge === undefined ? undefined : await judgeNamed(flags.judge, flags, config);
  const judge = judgeModel && { judge: factsOf(judgeModel) };
  const unpriced = [model, subModel, ...(judgeModel ? [judgeModel] : [])].filter(({ price }) => !price);
  if (flags.maxCost !== undefined && unpriced.length > 0)
    throw new ConfigError(
      "invalid_option",
      `--max-cost ${flags.maxCost} can't hold: no price is known of ${[...new Set(unpriced.map(({ id }) => id))].join(", ")}. Set it under "prices" in unabridged.config.json.`,
    );
  const prices = { root: model.price ?? null, sub: subModel.price ?? null, judge: judgeModel?.price ?? null };
  return {
    ...{ model, subModel },
    ...(judgeModel && { judgeModel }),
    facts: { root: factsOf(model), sub: factsOf(subModel), ...judge },
    prices: JSON.parse(JSON.stringify(prices)) as Json,
  };
}

async function judgeNamed(
  name: string,
  { baseUrl }: BenchFlags,
  config: Awaited<ReturnType<typeof readConfig>>,
): Promise<Model> {
  const { model } = await findModels({
    flags: {
      model: name,
      subModel: undefined,
      baseUrl,
      contextWindow: undefined,
      subContextWindow: undefined,
    },
    config,
    environment: process.env,
    reader: () => {
      throw new ConfigError("no_model", `A language model must judge: there is no "${name}".`);
    },
  });
  return model;
}

function factsOf({ id, provider, contextWindow, maxOutputTokens }: Model): JsonObject {
  return { id, provider, contextWindow: contextWindow ?? null, maxOutputTokens: maxOutputTokens ?? null };
}
