/**
 * The program of the process that a wasm guest lives in: brings CPython up and lets it serve the host. It knows nothing
 * of frames or cells: bytes go from descriptor 3 to Python and from Python to descriptor 4.
 *
 * What Python can reach is what wasm/system-calls.mjs lets through. There is no bridge to JavaScript in this build, so
 * the rest of Node, its network included, can't be named from inside. Should that ever fail, this process still has
 * no files, processes, threads, addons or environment: see wasm.ts.
 */
import { HostLine } from "./host-line.mjs";
import { loadImage, saveImage } from "./image.mjs";
import { startInterpreter } from "./interpreter.mjs";
import { MemoryLimit } from "./memory-limit.mjs";

/** "save" writes the image of the booted interpreter to descriptor 6, "load" starts from it, "plain" does neither. */
const imageUse = process.argv[2];
const imageDescriptor = 6;

// Cells see the same time of day wherever they run.
process.env.TZ = "UTC";

const line = new HostLine();
const memory = new MemoryLimit();
const interpreter = await startInterpreter({ line, memory, obey });

if (imageUse !== "load" || !loadImage(imageDescriptor, interpreter)) interpreter.boot();
if (imageUse === "save") saveImage(imageDescriptor, interpreter);
interpreter.serve();

/** What the guest asks of its cage. A cell may ask too: it only ever gets less than it has, or the reserve. */
function obey(request) {
  const [word, number] = request.split(" ");
  if (word === "limit") memory.limit(Number(number));
  else if (word === "relax") memory.relax();
  else if (word === "tighten") memory.tighten();
  else if (word === "cell") line.forgetInterrupts();
  else if (word === "serve") interpreter.willServe(Number(number));
}
