/** Runs every check side by side, a line for each with its time. What they look at is said where each is configured. */
import { spawn } from "node:child_process";
import { delimiter } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

interface Check {
  readonly name: string;
  readonly command: string;
  /** Told apart from a finding: why the check could not be made at all, read from what its command wrote. */
  readonly whySkipped?: (output: string) => string | undefined;
}

type Ending = { readonly name: string; readonly seconds: string; readonly output: string } & (
  { readonly status: "passed" | "failed" } | { readonly status: "skipped"; readonly reason: string }
);

// Not in the lockfile, where their builds for other machines would be missing: docs/decisions/0003-linter.md.
const linter = "npx --yes --prefer-offline -p oxlint@1.94.0 -p oxlint-tsgolint@7.0.2007";

const checks: readonly Check[] = [
  { name: "types", command: "tsc -p tsconfig.json" },
  { name: "layers", command: "node scripts/layers.ts" },
  { name: "schema", command: "node scripts/schema.ts --check" },
  { name: "format", command: "prettier --check --cache --log-level warn ." },
  { name: "lint", command: `${linter} oxlint --type-aware`, whySkipped: whyUnreachable },
  { name: "package", command: "node scripts/build.ts --check" },
];

const root = fileURLToPath(new URL("..", import.meta.url));
const endings = await Promise.all(checks.map(async (check) => show(await run(check))));
for (const ending of endings) {
  if (ending.status === "skipped") console.log(`\nSKIPPED: ${ending.name}. ${ending.reason}`);
}
if (endings.some(({ status }) => status === "failed")) process.exitCode = 1;

async function run({ name, command, whySkipped }: Check): Promise<Ending> {
  const start = performance.now();
  const child = spawn(command, {
    cwd: root,
    shell: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PATH: `${root}node_modules/.bin${delimiter}${process.env["PATH"] ?? ""}`,
      // Without a network, npm would try for minutes.
      npm_config_fetch_retries: "0",
    },
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject).once("close", (code) => resolve(code ?? 1));
  });
  const [code, ...written] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  const output = written.join("").trim();
  const known = { name, output, seconds: ((performance.now() - start) / 1000).toFixed(1) };
  if (code === 0) return { ...known, status: "passed" };
  const reason = whySkipped?.(output);
  return reason === undefined ? { ...known, status: "failed" } : { ...known, status: "skipped", reason };
}

function show(ending: Ending): Ending {
  const mark = { passed: "✓", failed: "✗", skipped: "–" }[ending.status];
  console.log(`${mark} ${ending.name.padEnd(8)}${ending.seconds.padStart(5)} s  ${ending.status}`);
  if (ending.status === "failed") console.log(ending.output.replaceAll(/^/gm, "    "));
  return ending;
}

/** Only what a network does: a version that the registry does not have is a failure, or nothing would be linted again. */
function whyUnreachable(output: string): string | undefined {
  const code = /^npm (?:error|ERR!) code (E?[A-Z_]+)$/m.exec(output)?.[1];
  const ofNetworks = /^(ENOTFOUND|EAI_AGAIN|ECONN\w+|ENET\w+|EHOST\w+|E\w*TIMEDOUT|\w*SOCKET\w*|ENOTCACHED)$/;
  if (code === undefined || !ofNetworks.test(code)) return undefined;
  return `The linter could not be fetched (${code}), so nothing was linted. With a network, check again.`;
}
