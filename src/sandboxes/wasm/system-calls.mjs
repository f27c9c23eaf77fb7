/**
 * What CPython may ask of the JavaScript around it: an allow-list of the functions that its wasm imports. This is the
 * wall of the cage. Code that breaks the interpreter itself can still call nothing but these, with any arguments.
 *
 * Left out are sockets, pipes (their bytes would pile up outside of the memory limit), timers, programs, and every
 * call that changes a file.
 */

const allowed = new Set([
  // Reading what files.mjs put there, and the devices
  ...[
    "__syscall_openat",
    "fd_close",
    "fd_read",
    "fd_write",
    "fd_pread",
    "fd_seek",
    "fd_sync",
    "fd_fdstat_get",
  ],
  ...["__syscall_stat64", "__syscall_lstat64", "__syscall_fstat64", "__syscall_newfstatat"],
  ...["__syscall_faccessat", "__syscall_readlinkat", "__syscall_getdents64", "__syscall_statfs64"],
  ...["__syscall_fstatfs64", "__syscall_chdir", "__syscall_fchdir", "__syscall_getcwd", "__syscall_dup3"],
  ...["__syscall_fcntl64", "__syscall_ioctl", "__syscall_fadvise64", "_mmap_js", "_munmap_js"],
  // Time, chance, environment (its own)
  ...["emscripten_date_now", "emscripten_get_now", "clock_time_get", "clock_res_get"],
  ...["_tzset_js", "_localtime_js", "_gmtime_js", "_mktime_js"],
  ...["random_get", "environ_get", "environ_sizes_get", "_Py_emscripten_runtime"],
  // Signals that it raises in itself
  "__call_sighandler",
  "_emscripten_runtime_keepalive_clear",
  // Memory; growth is limited below
  "emscripten_get_heap_max",
]);

/** In the glue's own numbering. */
const notThere = 52;
const interrupted = 27;

/** Between two looks at what is polled: short at first, since most answers come soon. */
const shortestNapMs = 0.2;
const longestNapMs = 5;

/** The imports with everything replaced that is not allowed, and with ours in the places where the host comes in. */
export function permitted(imports, { line, memory, exit }) {
  // Both namespaces are one object.
  const given = imports.env;
  const closed = Object.fromEntries(
    Object.entries(given).map(([name, call]) => [name, allowed.has(name) ? call : refusal(name)]),
  );
  const env = {
    ...closed,
    ...noNames,
    exit,
    proc_exit: exit,
    _abort_js: () => process.exit(134),
    emscripten_resize_heap: (bytes) => memory.permits(bytes >>> 0) && given.emscripten_resize_heap(bytes),
    __syscall_poll: patient(given.__syscall_poll, line),
    _Py_CheckEmscriptenSignals_Helper: () => line.takeInterrupt(),
  };
  return { ...imports, env, wasi_snapshot_preview1: env };
}

/** Those of WASI answer with an error's number, those of Linux with its negative. */
function refusal(name) {
  const answer = name.startsWith("fd_") ? notThere : -notThere;
  return () => answer;
}

const unknownName = -2;
/** Functions that answer with neither: an error of their own, or a pointer to nothing. */
const noNames = {
  getaddrinfo: () => unknownName,
  getnameinfo: () => unknownName,
  getprotobyname: () => 0,
  _emscripten_lookup_name: () => 0,
};

/** The glue's poll never waits. This one does, without spinning, until the host interrupts. */
function patient(poll, line) {
  return (list, count, timeoutMs) => {
    const until = timeoutMs < 0 ? Infinity : performance.now() + timeoutMs;
    for (let napMs = shortestNapMs; ; napMs = Math.min(napMs * 1.5, longestNapMs)) {
      line.mayBlock = timeoutMs < 0;
      const ready = poll(list, count, 0);
      line.mayBlock = false;
      const leftMs = until - performance.now();
      if (ready !== 0 || leftMs <= 0) return ready;
      if (line.isInterrupted) return -interrupted;
      line.sleep(Math.min(napMs, leftMs));
    }
  };
}
