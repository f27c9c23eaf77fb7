/** Writes docs/schema.md from the migrations of the embedded store; with --check, says whether it is up to date. */
import { readFile, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { schemaOf } from "../src/stores/schema.ts";
import type { DatabaseName } from "../src/stores/schema.ts";

const file = new URL("../docs/schema.md", import.meta.url);
const page = describeSchema();
if (!process.argv.includes("--check")) {
  await writeFile(file, page);
} else if ((await readFile(file, "utf8").catch(() => "")) !== page) {
  console.error("docs/schema.md is not what the migrations say. Write it anew with: node scripts/schema.ts");
  process.exitCode = 1;
}

function describeSchema(): string {
  return [
    "# What is stored",
    "",
    "SQLite files in the folder that `UNABRIDGED_HOME` names, else in the platform's folder for application data. They",
    "may be read by any program while they are in use. Rows are added, never changed, but for `jobs.db`. The table `migrations` of a file",
    "has the names of the steps that made its tables; a file with a step that this version does not know is refused.",
    "This page is written by `node scripts/schema.ts`.",
    "",
    "# unabridged.db",
    "",
    ...describeDatabase("unabridged"),
    "# jobs.db",
    "",
    "Apart from the others: a job of `map` writes more in a minute than they do in a year.",
    "",
    ...describeDatabase("jobs"),
  ].join("\n");
}

function describeDatabase(name: DatabaseName): readonly string[] {
  const database = new DatabaseSync(":memory:");
  return schemaOf(name).map(({ name, about, migrations }) => {
    const before = tablesOf(database);
    for (const { sql } of migrations) database.exec(sql);
    const tables = tablesOf(database).filter((sql) => !before.includes(sql));
    return [`## ${name}`, "", about, "", "```sql", ...tables.map((sql) => `${sql};`), "```", ""].join("\n");
  });
}

function tablesOf(database: DatabaseSync): readonly string[] {
  const rows = database.prepare("select sql from sqlite_schema where sql is not null order by rowid").all();
  return rows.map((row) =>
    String(row["sql"]).replace(/^CREATE (TABLE|INDEX)/, (words) => words.toLowerCase()),
  );
}
