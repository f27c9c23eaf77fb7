/** The files that Python sees: memory of this process, and read-only once `closeFiles` was called. */
import { writeSync } from "node:fs";

const readAndExecute = 0o555;
const readAndWrite = 0o666;
const keptErrorCharacters = 2_000;
/** In the glue's own numbering. */
const notPermitted = 63;

/** Puts a device at the path whose reads and writes go to `line`. */
export function device(FS, path, major, line) {
  const number = FS.makedev(major, 0);
  FS.registerDevice(number, {
    open(stream) {
      stream.seekable = false;
    },
    close() {},
    read(_stream, heap, offset, length) {
      if (!line.read) throw new FS.ErrnoError(notPermitted);
      return line.read(new Uint8Array(heap.buffer, heap.byteOffset + offset, length));
    },
    write(_stream, heap, offset, length) {
      line.write(Buffer.from(heap.buffer, heap.byteOffset + offset, length));
      return length;
    },
    poll: () => (line.hasBytes === false ? writable : readable | writable),
  });
  FS.mkdev(path, readAndWrite, number);
}

const readable = 1;
const writable = 4;

/** Takes characters one by one, for the host's eyes: the beginning of what goes wrong before the first message. */
export function textDevice(descriptor) {
  let line = "";
  let left = keptErrorCharacters;
  return (code) => {
    if (left <= 0) return;
    left--;
    line += String.fromCharCode(code);
    if (code !== 10 && left > 0) return;
    writeSync(descriptor, line);
    line = "";
  };
}

/** Takes every right to write away. What is left can be read, and the devices written. */
export function closeFiles(FS) {
  // Terminals of the glue keep what is written to them until a line ends, which may be never.
  FS.unlink("/dev/tty");
  FS.unlink("/dev/tty1");
  for (const path of folders(FS, "/")) FS.chmod(path, readAndExecute);
  FS.ignorePermissions = false;
}

function* folders(FS, path) {
  for (const name of FS.readdir(path)) {
    const inside = path === "/" ? `/${name}` : `${path}/${name}`;
    if (name === "." || name === ".." || inside === "/proc/self/fd") continue;
    if (FS.isDir(FS.lstat(inside).mode)) yield* folders(FS, inside);
  }
  yield path;
}
