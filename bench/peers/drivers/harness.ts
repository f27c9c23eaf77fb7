/**
 * Runs the one row that it was asked for with a driver's peer, and prints what came of it as JSON. It knows a peer only by the functions
 * of `Peer`. This folder is copied beside the peer's packages and run there, so it imports nothing but Node.
 */
import { fanOut, noop, overhead, scan } from "./speeds.ts";
import { args, messageOf, row, setStages, tell, type Peer } from "./scene.ts";
import { budget, endlessLoop, escapes, faults, hang, repl } from "./trials.ts";

export async function drive(peer: Peer): Promise<void> {
  const rows: Record<string, () => Promise<unknown>> = {
    overhead: () => overhead(peer),
    fan: () => fanOut(peer, 200, 50),
    host: () => fanOut(peer, Number(args[0] ?? 1_000), 0),
    scan: () => scan(peer, peer.scan, args[0] ?? ""),
    ownscan: () => scan(peer, peer.ownScan ?? peer.scan, args[0] ?? ""),
    noop: () => noop(peer, args[0] ?? ""),
    faults: () => faults(peer),
    hang: () => hang(peer, args[0] === "sub" ? "sub" : "root"),
    escapes: () => escapes(peer),
    loop: () => endlessLoop(peer),
    repl: () => repl(peer),
    budget: () => budget(peer),
  };
  const act = rows[row];
  if (!act) throw new Error(`There is no row "${row}".`);
  setStages(peer);
  try {
    tell(await act());
  } catch (error) {
    tell({ error: messageOf(error, 500) });
  }
  await Promise.race([peer.close?.(), new Promise((resolve) => setTimeout(resolve, 3_000))]);
  process.exit(0);
}
