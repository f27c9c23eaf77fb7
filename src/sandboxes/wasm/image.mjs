/** A booted interpreter as a file: its memory, where its stack stands, and which devices it has open. */
import { closeSync, fstatSync, readSync, writeSync } from "node:fs";

const headerBytes = 4_096;
const firstOpenFile = 3;

/** Writes the image and closes the descriptor. Where there is no room for it, none is there. */
export function saveImage(descriptor, { bytes, stack, serving, python }) {
  const files = python.FS.streams.slice(firstOpenFile).filter(Boolean);
  const facts = {
    size: bytes.length,
    stack,
    serving,
    files: files.map(({ fd, path, flags }) => ({ fd, path, flags })),
  };
  const header = Buffer.alloc(headerBytes);
  header.write(JSON.stringify(facts));
  try {
    whole(bytes, (offset) =>
      writeSync(descriptor, bytes, offset, bytes.length - offset, headerBytes + offset),
    );
    // Last, because it says that the rest is there.
    writeSync(descriptor, header, 0, headerBytes, 0);
  } catch (error) {
    if (error.code !== "ENOSPC" && error.code !== "EFBIG") throw error;
  }
  closeSync(descriptor);
}

/** Makes a fresh interpreter the one of the image. False where there is no whole image. */
export function loadImage(descriptor, interpreter) {
  if (fstatSync(descriptor).size < headerBytes) return false;
  const header = Buffer.alloc(headerBytes);
  readSync(descriptor, header, 0, headerBytes, 0);
  if (header[0] === 0) return false;
  const { size, stack, serving, files } = JSON.parse(header.toString("utf8").replace(/\0+$/, ""));
  interpreter.grow(size);
  const { bytes, python } = interpreter;
  whole(bytes.subarray(0, size), (offset) =>
    readSync(descriptor, bytes, offset, size - offset, headerBytes + offset),
  );
  closeSync(descriptor);
  for (const { fd, path, flags } of files) {
    if (python.FS.open(path, flags).fd !== fd) throw new Error(`${path} is not the file ${fd} any more`);
  }
  interpreter.stack = stack;
  interpreter.willServe(serving);
  return true;
}

function whole(bytes, step) {
  for (let offset = 0; offset < bytes.length;) {
    const moved = step(offset);
    if (moved === 0) throw new Error("the image of the interpreter is cut short");
    offset += moved;
  }
}
