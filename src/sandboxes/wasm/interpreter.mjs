/** One CPython: its wasm, its files, its boot, and the one Python function that is called afterwards. */
import { readdirSync, readFileSync } from "node:fs";
import { closeFiles, device, textDevice } from "./files.mjs";
import { loadGlue } from "./glue.mjs";
import { permitted } from "./system-calls.mjs";

const sandboxes = new URL("../", import.meta.url);
const guest = new URL("guest/", sandboxes);
const bootProgram = "from guest import wasm; wasm.boot()";
const stackBytes = 8 * 1024 * 1024;
/** Where CPython 3.13 keeps, in a function object, the index of the C function that calls it. */
const vectorcallOffset = 64;

/** Brings the runtime up, without having run any Python. `obey` hears what the guest writes to /dev/cage. */
export async function startInterpreter({ line, memory, obey }) {
  const interpreter = new Interpreter(memory);
  const glue = loadGlue(new URL("cpython/python.cjs", sandboxes));
  const python = await glue({
    noInitialRun: true,
    thisProgram: "/python",
    instantiateWasm: (imports, receive) => interpreter.instantiate(imports, line, receive),
    preRun: [fillFiles],
    stdin: () => null,
    stdout: () => {},
    stderr: textDevice(2),
  });
  device(python.FS, "/dev/host", 90, line);
  device(python.FS, "/dev/cage", 91, { write: (bytes) => obey(bytes.subarray(0, 32).toString("latin1")) });
  closeFiles(python.FS);
  interpreter.python = python;
  return interpreter;
}

class Interpreter {
  python;
  #memory;
  #exports;
  #resize;
  #serve = 0;
  #isBooted = false;

  constructor(memory) {
    this.#memory = memory;
  }

  instantiate(imports, line, receive) {
    const module = new WebAssembly.Module(readFileSync(new URL("cpython/python.wasm", sandboxes)));
    const instance = new WebAssembly.Instance(
      module,
      permitted(imports, { line, memory: this.#memory, exit: (code) => this.#exit(code) }),
    );
    this.#exports = instance.exports;
    this.#resize = imports.env.emscripten_resize_heap;
    this.#memory.guard(instance.exports.memory);
    receive(instance, module);
  }

  /** Runs Python's own start and our program's imports. It leaves by an exit that isn't one: all stays in memory. */
  boot() {
    // The build's own stack is 64 KiB, right above its static data, which deep recursion in C would overwrite.
    this.stack = (this.#exports.malloc(stackBytes) + stackBytes) & ~15;
    // Tells the interpreter to ask for interrupts; see HostLine.takeInterrupt.
    new DataView(this.bytes.buffer).setInt32(this.python._Py_EMSCRIPTEN_SIGNAL_HANDLING, 1, true);
    const code = this.python.callMain(["-S", "-B", "-P", "-X", "utf8", "-c", bootProgram]);
    if (this.#serve === 0) process.exit(code);
  }

  /** Names the Python function of the session, by its address, once and before any cell. */
  willServe(address) {
    if (!this.#isBooted) this.#serve = address;
  }

  /** Calls it. It ends with the process. */
  serve() {
    this.#isBooted = true;
    const index = new DataView(this.bytes.buffer).getUint32(this.#serve + vectorcallOffset, true);
    this.#exports.__indirect_function_table.get(index)(this.#serve, 0, 0, 0);
    process.exit(1);
  }

  /** All that the interpreter is between two calls, together with `stack`, `serving` and its open files. */
  get bytes() {
    return new Uint8Array(this.#memory.buffer);
  }

  grow(bytes) {
    if (bytes > this.#memory.buffer.byteLength) this.#resize(bytes);
  }

  get stack() {
    return this.#exports.emscripten_stack_get_current();
  }

  set stack(address) {
    this.#exports._emscripten_stack_restore(address);
  }

  get serving() {
    return this.#serve;
  }

  /** Python calls it in its innermost frame. While it boots, this unwinds to `boot` and leaves the frames as they are. */
  #exit(code) {
    if (this.#isBooted || this.#serve === 0) process.exit(code);
    throw "unwind";
  }
}

function fillFiles({ FS, ENV }) {
  const library = new Uint8Array(readFileSync(new URL("cpython/python313.zip", sandboxes)));
  FS.mkdirTree("/lib/python3.13/lib-dynload");
  FS.createDataFile("/lib", "python313.zip", library, true, false, true);
  FS.mkdirTree("/unabridged/guest");
  for (const name of readdirSync(guest)) {
    if (!name.endsWith(".py")) continue;
    FS.createDataFile("/unabridged/guest", name, readFileSync(new URL(name, guest)), true, false, true);
  }
  Object.assign(ENV, {
    PYTHONHOME: "/",
    PYTHONPATH: "/lib/python313.zip:/unabridged",
    // A resumed run must find sets in the order it left them.
    PYTHONHASHSEED: "0",
    LANG: "C.UTF-8",
  });
}
