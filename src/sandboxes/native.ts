/** The machine's own python3 in a bubblewrap jail: no files, network, processes or environment of the host. Linux only. */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SandboxError } from "../core/errors.ts";
import type { Sandbox } from "../core/sandbox.ts";
import { inspectInterpreter, type Interpreter } from "./interpreter.ts";
import { startPipeProcess, type PipeCommand } from "./pipe-process.ts";
import { pooled, type PoolSettings } from "./pool.ts";
import { seccompFilter } from "./seccomp.ts";

export interface NativeOptions extends PoolSettings {
  /** The interpreter to put into the jail; only its standard library is visible there. @default "python3" */
  readonly python?: string;
  /** The jailer. @default "bwrap", looked for on PATH */
  readonly bubblewrap?: string;
}

/**
 * A sandbox of namespaces (bubblewrap), a system-call filter and resource limits. Opening a session throws
 * SandboxError "unavailable" where one of them is missing or, tried from inside, doesn't hold.
 */
export function native(options: NativeOptions = {}): Sandbox {
  let command: Promise<PipeCommand> | undefined;
  return pooled(
    {
      name: "native",
      fixesMemoryAtStart: false,
      launch: async () => {
        command ??= jailCommand(options);
        try {
          return startPipeProcess(await command);
        } catch (error) {
          // What was missing may be there the next time.
          command = undefined;
          throw error;
        }
      },
    },
    options,
  );
}

const guestFolder = fileURLToPath(new URL("./guest", import.meta.url));
const firstInput = 5;
const reportDescriptor = 6;

async function jailCommand({
  python = "python3",
  bubblewrap = "bwrap",
}: NativeOptions): Promise<PipeCommand> {
  if (process.platform !== "linux") {
    throw new SandboxError(
      "unavailable",
      `The sandbox "native" needs Linux, this is ${process.platform}. Use the sandbox "wasm".`,
    );
  }
  const filter = seccompFilter(process.arch);
  if (!filter) {
    throw new SandboxError(
      "unavailable",
      `The sandbox "native" has no system-call table for ${process.arch}. Use the sandbox "wasm".`,
    );
  }
  const command = await findJailer(bubblewrap);
  const interpreter = await inspectInterpreter(python);
  return { command, args: [...jail(interpreter), ...program], inputs: [filter], readPid, explain };
}

async function findJailer(name: string): Promise<string> {
  const candidates = name.includes("/")
    ? [name]
    : (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name));
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not in this folder of the path.
    }
  }
  const remedy =
    'Install it (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap) or use the sandbox "wasm"';
  throw new SandboxError(
    "unavailable",
    `The sandbox "native" needs bubblewrap, and "${name}" is not on the PATH. ${remedy}.`,
  );
}

/**
 * The jail's own little file system: the interpreter under /python, what it links to under /lib, our guest, and
 * nothing else: no /proc, /dev, /tmp or /etc. Host paths don't show, not even the user's name.
 */
function jail({
  library,
  libraryBelowPrefix,
  foreign,
  sharedObjects,
  loader,
  executable,
}: Interpreter): string[] {
  const libraryInside = `/python/${libraryBelowPrefix}`;
  const isUsualLoader = loader === undefined || /^\/(usr\/)?lib(64)?\/[^/]+$/.test(loader);
  return [
    ...[
      "--unshare-user",
      "--unshare-pid",
      "--unshare-net",
      "--unshare-ipc",
      "--unshare-uts",
      "--unshare-cgroup-try",
    ],
    ...["--uid", "65534", "--gid", "65534", "--hostname", "unabridged", "--clearenv", "--cap-drop", "ALL"],
    // As process 1 the guest has no parent in its namespace and the pid we learn is the one to interrupt.
    ...["--die-with-parent", "--new-session", "--as-pid-1"],
    ...["--symlink", "lib", "/lib64", "--symlink", "../lib", "/usr/lib", "--symlink", "../lib", "/usr/lib64"],
    ...sharedObjects.flatMap(({ path, names }) =>
      names.flatMap((name) => ["--ro-bind", path, `/lib/${name}`]),
    ),
    ...(isUsualLoader ? [] : ["--ro-bind", loader, loader]),
    ...["--ro-bind", executable, "/python/bin/python3", "--ro-bind", library, libraryInside],
    // Packages that the user installed are none of the guest's business.
    ...foreign.flatMap((folder) => hide(libraryInside + folder.slice(library.length))),
    ...["--ro-bind", guestFolder, "/unabridged/guest", "--remount-ro", "/", "--chdir", "/"],
    ...["--seccomp", String(firstInput), "--info-fd", String(reportDescriptor), "--"],
  ];
}

function hide(folder: string): string[] {
  return ["--tmpfs", folder, "--remount-ro", folder];
}

const boot = 'import sys; sys.path.append("/unabridged"); from guest import native; native.start(True)';
const program = ["/python/bin/python3", "-I", "-S", "-B", "-X", "utf8", "-c", boot];

/** The pid in our own namespace, from what bubblewrap reports of the jail. */
function readPid(report: string): number | undefined {
  const pid = /"child-pid"\s*:\s*(\d+)/.exec(report)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

function explain(reason: string): string {
  if (!/namespace|uid map|setgroups|Operation not permitted|Permission denied/i.test(reason)) return reason;
  return (
    `${reason}. Unprivileged user namespaces seem to be off here (sysctl kernel.unprivileged_userns_clone, ` +
    `kernel.apparmor_restrict_unprivileged_userns, or a container without them); allow them or use the sandbox "wasm"`
  );
}
