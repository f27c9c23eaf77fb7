/** The native sandbox against the contract of every sandbox; skipped where the machine can't hold the cage. */
import { sandboxContract } from "../testing/contracts/sandbox.ts";
import { native } from "./native.ts";

sandboxContract("native", () => native({ graceMs: 700 }), { skip: await reasonToSkip() });

async function reasonToSkip(): Promise<string | undefined> {
  const sandbox = native({ spares: 0 });
  const { signal } = new AbortController();
  try {
    await sandbox.open({
      context: { shape: "text", documents: [], load: undefined },
      call: async () => null,
      limits: { memoryMb: 64 },
      signal,
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await sandbox.close();
  }
}
