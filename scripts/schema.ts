/** Writes docs/schema.md from the migrations of the embedded store; with --check, says whether it is up to date. */
import { readFile, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { loadSchema } from "../src/stores/schema.ts";
import type { DatabaseName } from "../src/stores/schema.ts";

const file = new URL("../docs/schema.md", import.meta.url);
const page = await describeSchema();
if (!process.argv.includes("--check")) {
  await writeFile(file, page);
} else if ((await readFile(file, "utf8").catch(() => "")) !== page) {
  console.error("docs/schema.md is not what the migrations say. Write it anew with: node scripts/schema.ts");
  process.exitCode = 1;
}

async function describeSchema(): Promise<string> {
  return [
    "# What is stored",
    "",
    "SQLite files in the folder that `UNABRIDGED_HOME` names, else in the platform's folder for application data. They",
    "may be read by any program while they are in use. Rows are added, never changed, but for `jobs.db` and where content",
    "of a conversation is erased. The table `migrations` of a file has the names of the steps that made its tables; a file",
    "with a step that this version does not know is refused. This page is written by `node scripts/schema.ts`.",
    "",
    "# unabridged.db",
    "",
    ...(await describeDatabase("unabridged")),
    "# jobs.db",
    "",
    "Apart from the others: a job of `map` writes more in a minute than they do in a year.",
    "",
    ...(await describeDatabase("jobs")),
    "# conversations.db",
    "",
    "Apart from the others: runs and answers can be thrown away, conversations are precious, and what is erased from them",
    "must be gone from the file. Neither's writes wait for the other's lock. Messages and summaries are hashed and linked,",
    "so that any program can check that none was changed.",
    "",
    ...(await describeDatabase("conversations")),
  ].join("\n");
}

async function describeDatabase(name: DatabaseName): Promise<readonly string[]> {
  const database = new DatabaseSync(":memory:");
  const { about: parts } = await loadSchema(name);
  return parts.map(({ name, about, migrations }) => {
    const before = tablesOf(database);
    for (const { sql } of migrations) database.exec(sql);
    const tables = tablesOf(database).filter((sql) => !before.includes(sql));
    const sql = tables.length === 0 ? [] : ["```sql", ...tables.map((table) => `${table};`), "```", ""];
    return [`## ${name}`, "", about, "", ...sql].join("\n");
  });
}

function tablesOf(database: DatabaseSync): readonly string[] {
  // Without the tables that others keep for themselves.
  const rows = database
    .prepare(
      `select sql from sqlite_schema where sql is not null and name not like 'sqlite~_%' escape '~'
       and not exists (select 1 from pragma_table_list where pragma_table_list.name = sqlite_schema.name
                       and type = 'shadow') order by rowid`,
    )
    .all();
  return rows.map((row) =>
    String(row["sql"]).replace(/^CREATE (UNIQUE INDEX|VIRTUAL TABLE|TABLE|INDEX)/, (words) =>
      words.toLowerCase(),
    ),
  );
}
