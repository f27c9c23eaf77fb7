/** Asks a python3 what it consists of: its program, its library, the shared objects it loads. It builds no cage. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf, SandboxError } from "../core/errors.ts";
import { isPlainObject } from "../core/json.ts";

export interface Interpreter {
  readonly executable: string;
  /** The folder of the standard library, and where it lies below the prefix, for instance "lib/python3.12". */
  readonly library: string;
  readonly libraryBelowPrefix: string;
  /** Folders in the library that hold packages other than its own. */
  readonly foreign: readonly string[];
  /** Shared objects outside the library, each with the names under which a loader may look for it. */
  readonly sharedObjects: readonly { readonly path: string; readonly names: readonly string[] }[];
  /** The program that the kernel loads the executable with; undefined for a static one. */
  readonly loader: string | undefined;
  readonly version: readonly [number, number];
}

/** Throws SandboxError "unavailable" where there is no python3 of 3.10 or newer. */
export async function inspectInterpreter(python: string): Promise<Interpreter> {
  let report: unknown;
  try {
    const { stdout } = await promisify(execFile)(python, ["-I", "-S", "-B", "-c", question], {
      timeout: 30_000,
    });
    report = JSON.parse(stdout);
  } catch (error) {
    const remedy =
      'Install Python 3.10 or newer, name it with the option "python", or use the sandbox "wasm".';
    throw new SandboxError(
      "unavailable",
      `No working Python at "${python}": ${messageOf(error).trim()}. ${remedy}`,
      { cause: error },
    );
  }
  const interpreter = parseReport(report);
  const [major, minor] = interpreter.version;
  if (major === 3 && minor >= 10) return interpreter;
  throw new SandboxError(
    "unavailable",
    `Expected Python 3.10 or newer, got ${major}.${minor} at "${python}".`,
  );
}

/** Extension modules that cells use, so that what they link to shows up in the process's own map of memory. */
const question = `
import json, os, re, sys, sysconfig
for name in "_ctypes _json _decimal _bz2 _lzma zlib _sqlite3 _hashlib _uuid _struct math _datetime select resource _elementtree pyexpat".split():
    try:
        __import__(name)
    except ImportError:
        pass
executable = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
library = os.path.dirname(os.path.realpath(os.__file__))
prefix = os.path.realpath(sys.base_prefix)
mapped = set()
with open("/proc/self/maps") as maps:
    for line in maps:
        path = line.split(None, 5)[5].strip() if len(line.split(None, 5)) > 5 else ""
        if re.search(r"\\.so(\\.|$)", path) and not path.startswith(library + "/"):
            mapped.add(path)
shared = []
for path in sorted(mapped):
    folder = os.path.dirname(path)
    names = {os.path.basename(path)}
    for name in os.listdir(folder):
        if ".so" in name and os.path.islink(os.path.join(folder, name)) and os.path.realpath(os.path.join(folder, name)) == path:
            names.add(name)
    shared.append({"path": path, "names": sorted(names)})
with open(executable, "rb") as file:
    found = re.search(rb"(/[\\w/.+-]*/ld[\\w.-]*\\.so[\\w.]*)\\0", file.read(65536))
foreign = [os.path.join(library, name) for name in ("site-packages", "dist-packages")]
print(json.dumps({
    "executable": executable, "library": library, "libraryBelowPrefix": os.path.relpath(library, prefix),
    "foreign": [path for path in foreign if os.path.isdir(path)], "sharedObjects": shared,
    "loader": found and found[1].decode(), "version": list(sys.version_info[:2]),
}))
`;

function parseReport(report: unknown): Interpreter {
  if (!isPlainObject(report))
    throw new SandboxError("unavailable", "The Python at hand does not describe itself.");
  // Written by our own question above, in an interpreter that the user trusts.
  const interpreter = report as unknown as Interpreter;
  return { ...interpreter, loader: interpreter.loader ?? undefined };
}
