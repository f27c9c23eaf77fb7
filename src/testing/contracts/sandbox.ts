/** What every sandbox must do, as tests: an adapter's own test file calls this with a way to make the sandbox. */
import { after, before, describe } from "node:test";
import type { Sandbox } from "../../core/sandbox.ts";
import { cellCases } from "./sandbox-cells.ts";
import { escapeCases } from "./sandbox-escapes.ts";
import { hostCallCases } from "./sandbox-host-calls.ts";
import { lazyCases } from "./sandbox-lazy.ts";
import { limitCases } from "./sandbox-limits.ts";

export interface ContractOptions {
  /** Why the sandbox can't be tried on this machine; every case is then skipped with this reason. */
  readonly skip?: string | undefined;
  /** Leaves out the escape attempts, for an adapter that confines nothing. @default true */
  readonly isCage?: boolean;
}

/** Registers the contract's cases with node:test. One sandbox serves all of them; each case opens its own session. */
export function sandboxContract(
  name: string,
  open: () => Sandbox,
  { skip, isCage = true }: ContractOptions = {},
): void {
  describe(`sandbox ${name}`, { skip: skip ?? false, concurrency: 2 }, () => {
    let sandbox: Sandbox;
    before(() => {
      sandbox = open();
    });
    after(() => sandbox.close());
    const opened = (): Sandbox => sandbox;
    describe("cells", () => cellCases(opened));
    describe("calls to the host", () => hostCallCases(opened));
    describe("texts that stay on the host", () => lazyCases(opened));
    describe("limits", () => limitCases(opened));
    if (isCage) describe("escapes", () => escapeCases(opened));
  });
}
