/** The wasm sandbox against the contract of every sandbox, and what is its own. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { openTrial, printed } from "../testing/contracts/sandbox-harness.ts";
import { sandboxContract } from "../testing/contracts/sandbox.ts";
import { wasm } from "./wasm.ts";

sandboxContract("wasm", () => wasm({ graceMs: 700 }));

describe("sandbox wasm, on its own", () => {
  test("the interpreter's files are the ones that were examined", () => {
    const { files } = JSON.parse(read("manifest.json").toString("utf8")) as Manifest;
    for (const [name, { bytes, sha256 }] of Object.entries(files)) {
      const content = read(name);
      assert.deepEqual(
        [content.length, createHash("sha256").update(content).digest("hex")],
        [bytes, sha256],
        name,
      );
    }
  });

  test("interpreters that start from one image share nothing that chance decides", async () => {
    await using sandbox = closing(wasm({ spares: 0 }));
    const roll = async (): Promise<string | undefined> => {
      await using trial = await openTrial(sandbox);
      return await trial.value("import random, uuid, os\nrandom.random(), uuid.uuid4(), os.urandom(8).hex()");
    };
    const rolls = [await roll(), await roll(), await roll()];
    assert.equal(new Set(rolls.join().match(/0\.\d+|UUID\('[^']+'\)|'[0-9a-f]{16}'/g)).size, 9);
  });

  test("sets keep one order in every interpreter, so that a run can be repeated", async () => {
    await using sandbox = closing(wasm({ spares: 0 }));
    const order = async (): Promise<string | undefined> => {
      await using trial = await openTrial(sandbox);
      return await trial.value("list({f'name {i}' for i in range(40)})");
    };
    assert.equal(await order(), await order());
  });

  test("an interrupt that comes after its cell has ended does not hit the next one", async () => {
    await using sandbox = closing(wasm());
    await using trial = await openTrial(sandbox);
    for (let round = 0; round < 20; round++) {
      const result = await trial.run("for _ in range(20_000): pass", { timeoutMs: 2 });
      assert.ok(result.status === "ok" || result.status === "timeout");
      assert.equal(await trial.value("sum(range(50_000))"), "1249975000");
    }
  });

  test("no bytes pile up outside of the interpreter's own memory", async () => {
    await using sandbox = closing(wasm());
    await using trial = await openTrial(sandbox);
    for (const code of [
      "import os\nos.pipe()",
      "open('/tmp/x', 'w')",
      "open('/dev/shm/x', 'w')",
      "import os\nos.mkdir('/home/x')",
      "import os\nos.symlink('a', '/tmp/x')",
      "import os\nos.truncate('/lib/python313.zip', 2 ** 30)",
      "import os\nos.chmod('/tmp', 0o777)",
      "import os\nos.rename('/tmp', '/x')",
      "open('/dev/tty', 'w')",
      "import socket\nsocket.socketpair()",
    ]) {
      const result = await trial.run(code);
      assert.equal(result.status, "threw", code);
      assert.match(result.error.type, /Error$/);
    }
  });

  test("a limit above what the build can hold is that, and a cell can't raise its own", async () => {
    await using sandbox = closing(wasm());
    await using large = await openTrial(sandbox, { memoryMb: 4_096 });
    assert.equal(await large.value("len(bytes(400_000_000))"), "400000000");
    await using small = await openTrial(sandbox, { memoryMb: 64 });
    const result = await small.run(
      "import os\nfd = os.open('/dev/cage', os.O_WRONLY)\nfor word in (b'limit 500', b'limit -1', b'limit x', b'serve 8', b'nonsense'): os.write(fd, word)\nx = bytes(200_000_000)",
    );
    assert.equal(result.status, "memory");
  });

  test("what a cell writes to the console of its process arrives nowhere", async () => {
    await using sandbox = closing(wasm());
    await using trial = await openTrial(sandbox);
    const result = await trial.run("import os\nos.write(1, b'out')\nos.write(2, b'err')\nprint('printed')");
    assert.equal(printed(result), "printed\n");
  });
});

interface Manifest {
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

function read(name: string): Buffer {
  return readFileSync(new URL(`./cpython/${name}`, import.meta.url));
}

function closing<T extends { close(): Promise<void> }>(value: T): T & AsyncDisposable {
  return Object.assign(value, { [Symbol.asyncDispose]: () => value.close() });
}
