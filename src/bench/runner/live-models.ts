/** The user's models for l2, found as the CLI finds them. */
import { ConfigError } from "../../core/errors.ts";
import type { Json, JsonObject } from "../../core/json.ts";
import type { Model } from "../../core/model.ts";
import { readConfig } from "../../setup/config.ts";
import { findModels } from "../../setup/find-model.ts";
import type { BenchFlags } from "../flags.ts";
import type { BenchModels } from "./world.ts";

export interface LiveModels extends BenchModels {
  readonly facts: JsonObject;
  readonly prices: Json;
}

/** Throws ConfigError where there is no language model: the built-in reader is none. */
export async function findLiveModels(flags: BenchFlags, homeFolder: string): Promise<LiveModels> {
  const config = await readConfig({ workingFolder: process.cwd(), homeFolder });
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
  return {
    ...{ model, subModel },
    facts: { root: factsOf(model), sub: factsOf(subModel) },
    prices: JSON.parse(JSON.stringify({ root: model.price ?? null, sub: subModel.price ?? null })) as Json,
  };
}

function factsOf({ id, provider, contextWindow, maxOutputTokens }: Model): JsonObject {
  return { id, provider, contextWindow: contextWindow ?? null, maxOutputTokens: maxOutputTokens ?? null };
}
