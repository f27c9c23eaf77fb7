/**
 * The simulated models as a server in a process of its own, so that golds are nowhere near the system under test: reads what it
 * is to know from the file given, prints its address as JSON, and serves until its standard input ends.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { faults, startFakeProvider, type FakeReply } from "../../testing/index.ts";
import { families } from "../families.ts";
import type { Mind } from "../task.ts";
import { simulatedReply } from "./model.ts";
import { simulatedSchema } from "./settings.ts";

const inputSchema = z.strictObject({
  settings: simulatedSchema,
  family: z.string(),
  worlds: z.record(z.string(), z.record(z.string(), z.json())),
  port: z.number().optional(),
});

const [, , file = ""] = process.argv;
const { settings, family, worlds, port } = inputSchema.parse(JSON.parse(readFileSync(file, "utf8")));
const minds = new Map<string, Mind>();
let calls = 0;
const provider = await startFakeProvider({
  models: ["sim-root", "sim-leaf"],
  record: 0,
  ...(port !== undefined && { port }),
  reply(request): FakeReply {
    const { every, kinds } = settings.faults;
    const kind =
      every > 0 && ++calls % every === 0 ? kinds[Math.floor(calls / every) % kinds.length] : undefined;
    if (kind !== undefined) return kind === "rateLimited" ? faults.rateLimited(0) : faults[kind]();
    return simulatedReply(request, [mindOf(request.headers["authorization"])], settings);
  },
});
process.stdout.write(`${JSON.stringify({ baseUrl: provider.baseUrl })}\n`);
process.stdin.resume();
process.stdin.once("end", () => void provider.close().then(() => process.exit(0)));

/** The world is named by the key, so that one server can play several without being told which task it is. */
function mindOf(authorization: string | undefined): Mind {
  const named = authorization?.replace(/^Bearer /, "") ?? "";
  const world = Object.hasOwn(worlds, named) ? named : (Object.keys(worlds)[0] ?? "");
  let mind = minds.get(world);
  if (!mind) {
    const found = families.find(({ name }) => name === family);
    if (!found) throw new Error(`There is no family "${family}".`);
    minds.set(world, (mind = found.mind(worlds[world] ?? {})));
  }
  return mind;
}
