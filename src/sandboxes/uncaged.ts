/** The guest program in a bare python3, WITHOUT a cage: for tests of what runs inside. It confines nothing. */
import { fileURLToPath } from "node:url";
import type { Sandbox } from "../core/sandbox.ts";
import { startPipeProcess } from "./pipe-process.ts";
import { pooled, type PoolSettings } from "./pool.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));

/** Runs cells with all rights of this process. Never offer it as an adapter. */
export function uncaged(settings: PoolSettings & { readonly python?: string } = {}): Sandbox {
  const boot = `import sys; sys.path.append(${JSON.stringify(folder)}); from guest import native; native.start(False)`;
  const args = ["-I", "-S", "-B", "-X", "utf8", "-c", boot];
  return pooled(
    {
      name: "uncaged",
      fixesMemoryAtStart: false,
      launch: async () => startPipeProcess({ command: settings.python ?? "python3", args }),
    },
    settings,
  );
}
