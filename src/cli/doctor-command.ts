/** `unabridged doctor`: what was found here, what works, and what to do about the rest. */
import { examineHere } from "../setup/examine-here.ts";
import { exitCodes } from "./failure.ts";

export async function doctor({ json }: { readonly json?: true }): Promise<number> {
  const findings = await examineHere({ workingFolder: process.cwd(), environment: process.env });
  if (json) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else
    for (const { what, status, detail, remedy } of findings) {
      process.stdout.write(`${marks[status]} ${what}: ${detail}\n`);
      if (remedy !== undefined && status !== "ok") process.stdout.write(`    ${remedy}\n`);
    }
  return findings.some(({ status }) => status === "fail") ? exitCodes.failed : exitCodes.done;
}

const marks = { ok: "✓", warn: "!", fail: "✗" } as const;
