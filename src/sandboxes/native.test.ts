/** The native sandbox against the contract of every sandbox, and what it says where the cage can't hold. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { messageOf } from "../core/errors.ts";
import { sandboxContract } from "../testing/contracts/sandbox.ts";
import { native, type NativeOptions } from "./native.ts";

const skip = await tryToOpen({});

sandboxContract("native", () => native({ graceMs: 700 }), { skip });

test(
  "a machine without bubblewrap is told what to install",
  { skip: process.platform !== "linux" },
  async () => {
    assert.match(
      (await tryToOpen({ bubblewrap: "no-such-jailer" })) ?? "",
      /no-such-jailer.*apt install bubblewrap.*"wasm"/,
    );
  },
);

test("a Python that isn't there is named", { skip: skip ?? false }, async () => {
  assert.match((await tryToOpen({ python: "/no/such/python" })) ?? "", /\/no\/such\/python/);
});

test("a cage with an open door is refused, and the door is named", { skip: skip ?? false }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "jailer-"));
  try {
    const jailer = join(folder, "jailer");
    // Leaves the system-call filter out and a folder of the host in.
    const script =
      '#!/bin/sh\nexec bwrap --ro-bind /etc /etc $(echo "$*" | sed "s/--seccomp 5//; s/ -c .*//") -c "import sys; sys.path.append(\\"/unabridged\\"); from guest import native; native.start(True)"\n';
    await writeFile(jailer, script, { mode: 0o755 });
    const reason = await tryToOpen({ bubblewrap: jailer });
    assert.match(reason ?? "it was opened", /possible to read files of the host, open sockets/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** Why a session can't be opened; undefined where it can. */
async function tryToOpen(options: NativeOptions): Promise<string | undefined> {
  const sandbox = native({ ...options, spares: 0 });
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
    return messageOf(error);
  } finally {
    await sandbox.close();
  }
}
