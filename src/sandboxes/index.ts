/** The public subpath `unabridged/sandboxes`: the cages that cells can run in. */
export { native, type NativeOptions } from "./native.ts";
export { wasm, type WasmOptions } from "./wasm.ts";
