/** Writes docs/schema.md from the migrations of the embedded store; with --check, says whether it is up to date. */
import { readFile, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { schema } from "../src/stores/schema.ts";

const file = new URL("../docs/schema.md", import.meta.url);
const page = describeSchema();
if (!process.argv.includes("--check")) {
  await writeFile(file, page);
} else if ((await readFile(file, "utf8").catch(() => "")) !== page) {
  console.error("docs/schema.md is not what the migrations say. Write it anew with: node scripts/schema.ts");
  process.exitCode = 1;
}

function describeSchema(): string {
  const database = new DatabaseSync(":memory:");
  const parts = schema.map(({ name, about, migrations }) => {
    const before = tablesOf(database);
    for (const { sql } of migrations) database.exec(sql);
    const tables = tablesOf(database).filter((sql) => !before.includes(sql));
    return [`## ${name}`, "", about, "", "```sql", ...tables.map((sql) => `${sql};`), "```", ""].join("\n");
  });
  return [
    "# What is stored",
    "",
    "One SQLite file, `unabridged.db`, in the folder that `UNABRIDGED_HOME` names, else in the platform's folder for",
    "application data. It may be read by any program while it is in use. Rows are added, never changed. The table",
    "`migrations` has the names of the steps that made the tables; a file with a step that this version does not know is",
    "refused. This page is written by `node scripts/schema.ts`.",
    "",
    ...parts,
  ].join("\n");
}

function tablesOf(database: DatabaseSync): readonly string[] {
  const rows = database.prepare("select sql from sqlite_schema where sql is not null order by rowid").all();
  return rows.map((row) =>
    String(row["sql"]).replace(/^CREATE (TABLE|INDEX)/, (words) => words.toLowerCase()),
  );
}
