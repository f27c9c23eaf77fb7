/** The system-call filter, run by a small interpreter of BPF against the numbers it must decide on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seccompFilter } from "./seccomp.ts";

const architectures = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;
const [permit, notPermitted, notThere, killProcess] = [0x7fff0000, 0x00050001, 0x00050026, 0x80000000];

/** What the kernel would decide. */
function decide(
  program: Buffer,
  call: { architecture: number; number: number; secondArgument?: number },
): number {
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 8) {
    const [code, ifTrue, ifFalse, operand] = [
      program.readUInt16LE(at),
      program.readUInt8(at + 2),
      program.readUInt8(at + 3),
      program.readUInt32LE(at + 4),
    ];
    if (code === 0x06) return operand;
    if (code === 0x20)
      accumulator =
        operand === 0 ? call.number : operand === 4 ? call.architecture : (call.secondArgument ?? 0);
    else at += 8 * (accumulator === operand ? ifTrue : ifFalse);
  }
  throw new Error("the program ran off its end");
}

for (const [name, architecture] of Object.entries(architectures)) {
  const program = seccompFilter(name) ?? Buffer.alloc(0);
  const of = (number: number, secondArgument?: number): number =>
    decide(program, { architecture, number, ...(secondArgument !== undefined && { secondArgument }) });
  const calls =
    name === "x64"
      ? { read: 0, socket: 41, fork: 57, kill: 62, ptrace: 101, mount: 165, bpf: 321, ioctl: 16, clone: 56 }
      : {
          read: 63,
          socket: 198,
          fork: 220,
          kill: 129,
          ptrace: 117,
          mount: 40,
          bpf: 280,
          ioctl: 29,
          clone: 220,
        };

  test(`on ${name}, reading is allowed, and sockets, processes, signals and mounts are not`, () => {
    assert.equal(of(calls.read), permit);
    for (const number of [
      calls.socket,
      calls.fork,
      calls.clone,
      calls.kill,
      calls.ptrace,
      calls.mount,
      calls.bpf,
    ])
      assert.equal(of(number), notPermitted);
  });

  test(`on ${name}, calls that the kernel may add one day are refused`, () => {
    for (let number = 450; number < 1_000; number++) assert.equal(of(number), notPermitted);
    assert.equal(of(435), notThere);
  });

  test(`on ${name}, ioctl may only ask whether there is a terminal and set close-on-exec`, () => {
    assert.deepEqual(
      [0x5401, 0x5451, 0x5450, 0x5412, 0x541b].map((request) => of(calls.ioctl, request)),
      [permit, permit, permit, notPermitted, notPermitted],
    );
  });

  test(`on ${name}, calls of another architecture end the process`, () => {
    assert.equal(decide(program, { architecture: 0x40000003, number: 0 }), killProcess);
  });
}

test("an unknown architecture has no filter", () => {
  assert.equal(seccompFilter("riscv64"), undefined);
});
