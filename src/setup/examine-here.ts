/** Examines this machine with the built-in adapters: what `unabridged doctor` shows. */
import { rgPath } from "@vscode/ripgrep";
import { builtInReader } from "../models/reader.ts";
import { native, wasm } from "../sandboxes/index.ts";
import { sqlite, storeHome } from "../stores/index.ts";
import { readConfig } from "./config.ts";
import { examine, type Finding } from "./doctor.ts";
import { findModels } from "./find-model.ts";
import type { Surroundings } from "./launch.ts";

export async function examineHere({ workingFolder, environment }: Surroundings): Promise<readonly Finding[]> {
  const homeFolder = storeHome({ environment });
  const sandboxes = [wasm({ spares: 0 }), native({ spares: 0 })];
  try {
    return await examine({
      homeFolder,
      openStore: () => sqlite({ directory: homeFolder }),
      findModels: async () => {
        const config = await readConfig({ workingFolder, homeFolder });
        return findModels({ flags: {}, config, environment, reader: builtInReader });
      },
      sandboxes,
      ripgrepPath: () => rgPath,
    });
  } finally {
    await Promise.all(sandboxes.map((sandbox) => sandbox.close()));
  }
}
