/** The job store of a PostgreSQL server against the contract, on a real one. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { StoreError } from "../../core/errors.ts";
import { jobStoreContract } from "../../testing/contracts/job-store.ts";
import { postgresIsMissing, startPostgres, type PostgresServer } from "../../testing/postgres-server.ts";
import { postgresJobs } from "./jobs.ts";

const skip = postgresIsMissing() ?? false;

describe("on a PostgreSQL server", { skip }, () => {
  let server: PostgresServer;
  let databases = 0;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server.stop());

  jobStoreContract("the job store of a server", {
    async open() {
      const url = await newDatabase();
      return postgresJobs({ url, shardUnits: 20 });
    },
  });

  test("what one worker is refused, the others hear of", async () => {
    const url = await newDatabase();
    const [one, other] = [await postgresJobs({ url }), await postgresJobs({ url })];
    await one.refusals?.post({ endpoint: "host", retryAfterMs: 500 });
    assert.deepEqual(await other.refusals?.read(), [{ endpoint: "host", retryAfterMs: 500 }]);
    assert.deepEqual(await other.refusals?.read(), []);
    assert.deepEqual(await one.refusals?.read(), []);
    await one.close();
    await other.close();
  });

  test("a server that is not there is told of without the password", async () => {
    const url = "postgres://me:secret@127.0.0.1:1/none";
    await assert.rejects(postgresJobs({ url, patienceMs: 0 }), (error) => {
      return error instanceof StoreError && error.code === "unavailable" && !error.message.includes("secret");
    });
  });

  async function newDatabase(): Promise<string> {
    const { Client } = (await import("pg")).default;
    const client = new Client({ connectionString: server.url });
    await client.connect();
    const name = `test${++databases}`;
    await client.query(`create database ${name}`);
    await client.end();
    return server.url.replace(/postgres$/, name);
  }
});
