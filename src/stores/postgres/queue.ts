/** pg-boss over our own connections: its entries are shards of units. Loaded only here. */
import type { PgBoss } from "pg-boss";
import type { Connection } from "./connection.ts";
import { queueSchemaName } from "./schema.ts";

/** Units from `first` to `last` by number, those of them that are pending. */
export interface Shard {
  readonly first: number;
  readonly last: number;
}

export async function openQueue(connection: Connection): Promise<PgBoss> {
  const { PgBoss: Boss } = await import("pg-boss");
  const boss = new Boss({
    db: { executeSql: async (sql, values) => ({ rows: await connection.query(sql, values) }) },
    schema: queueSchemaName,
    // Old entries are cleared by whichever worker comes first; nothing here runs by the clock.
    ...{ supervise: true, schedule: false },
  });
  // What its maintenance could not do now, it does later; the calls of ours report their own errors.
  boss.on("error", () => undefined);
  await boss.start();
  return boss;
}

/** One queue for each job: what is claimed is always of a known job. */
export function queueOf(jobId: string): string {
  return `map-${jobId}`;
}
