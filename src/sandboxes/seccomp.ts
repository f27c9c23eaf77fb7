/**
 * Builds the system-call filter of the native cage: a BPF program that lets through what an interpreter needs for
 * computing and nothing else. It knows numbers and instructions, not how the filter is installed.
 *
 * An allow-list, because a deny-list is only as long as its author's memory and the kernel grows calls every year.
 * It is short since the guest has no sockets, files to write, threads or processes. What is missing fails with
 * EPERM and shows up as PermissionError in a cell. The kernel answers an allowed call from a bitmap, so the length
 * of the list costs nothing.
 */

type Architecture = "x64" | "arm64";

/** Numbers by architecture; null where it has no such call. */
type Numbers = Readonly<Record<Architecture, number | null>>;

const numbers = (x64: number | null, arm64: number | null): Numbers => ({ x64, arm64 });

const allowed: Readonly<Record<string, Numbers>> = {
  read: numbers(0, 63),
  write: numbers(1, 64),
  readv: numbers(19, 65),
  writev: numbers(20, 66),
  pread64: numbers(17, 67),
  poll: numbers(7, null),
  ppoll: numbers(271, 73),
  select: numbers(23, null),
  pselect6: numbers(270, 72),
  // Memory
  brk: numbers(12, 214),
  mmap: numbers(9, 222),
  munmap: numbers(11, 215),
  mremap: numbers(25, 216),
  mprotect: numbers(10, 226),
  madvise: numbers(28, 233),
  // Reading what the mounts show: the interpreter's own library
  open: numbers(2, null),
  openat: numbers(257, 56),
  close: numbers(3, 57),
  close_range: numbers(436, 436),
  stat: numbers(4, null),
  lstat: numbers(6, null),
  fstat: numbers(5, 80),
  newfstatat: numbers(262, 79),
  statx: numbers(332, 291),
  lseek: numbers(8, 62),
  getdents64: numbers(217, 61),
  readlink: numbers(89, null),
  readlinkat: numbers(267, 78),
  access: numbers(21, null),
  faccessat: numbers(269, 48),
  faccessat2: numbers(439, 439),
  getcwd: numbers(79, 17),
  fcntl: numbers(72, 25),
  dup: numbers(32, 23),
  dup2: numbers(33, null),
  dup3: numbers(292, 24),
  // Time and signals of its own
  nanosleep: numbers(35, 101),
  clock_nanosleep: numbers(230, 115),
  clock_gettime: numbers(228, 113),
  clock_getres: numbers(229, 114),
  gettimeofday: numbers(96, 169),
  time: numbers(201, null),
  times: numbers(100, 153),
  getitimer: numbers(36, 102),
  setitimer: numbers(38, 103),
  alarm: numbers(37, null),
  rt_sigaction: numbers(13, 134),
  rt_sigprocmask: numbers(14, 135),
  rt_sigreturn: numbers(15, 139),
  sigaltstack: numbers(131, 132),
  restart_syscall: numbers(219, 128),
  // What a process asks about itself
  getpid: numbers(39, 172),
  getppid: numbers(110, 173),
  gettid: numbers(186, 178),
  getuid: numbers(102, 174),
  geteuid: numbers(107, 175),
  getgid: numbers(104, 176),
  getegid: numbers(108, 177),
  getgroups: numbers(115, 158),
  uname: numbers(63, 160),
  sysinfo: numbers(99, 179),
  getrusage: numbers(98, 165),
  sched_getaffinity: numbers(204, 123),
  sched_yield: numbers(24, 124),
  getrandom: numbers(318, 278),
  // Limits can only be lowered: the process holds no capability.
  getrlimit: numbers(97, 163),
  setrlimit: numbers(160, 164),
  prlimit64: numbers(302, 261),
  // Start and end. The guest forbids execve and prctl itself, before the first cell: see guest/system_calls.py.
  execve: numbers(59, 221),
  prctl: numbers(157, 167),
  arch_prctl: numbers(158, null),
  set_tid_address: numbers(218, 96),
  set_robust_list: numbers(273, 99),
  rseq: numbers(334, 293),
  futex: numbers(202, 98),
  exit: numbers(60, 93),
  exit_group: numbers(231, 94),
};

/** Refused as "not there": the C library then falls back to an older call, which is refused as "not permitted". */
const missing: Readonly<Record<string, Numbers>> = {
  clone3: numbers(435, 435),
  openat2: numbers(437, 437),
};

const ioctl = numbers(16, 29);
/** TCGETS (is it a terminal?), FIOCLEX and FIONCLEX (close on exec). */
const harmlessIoctls = [0x5401, 0x5451, 0x5450];

const auditArchitecture: Readonly<Record<Architecture, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };

const loadWord = 0x20;
const jumpIfEqual = 0x15;
const giveBack = 0x06;
const killProcess = 0x80000000;
const permit = 0x7fff0000;
const refuse = (errno: number): number => 0x00050000 | errno;
const notPermitted = 1;
const notThere = 38;
/** Offsets in the kernel's struct seccomp_data. */
const numberOffset = 0;
const architectureOffset = 4;
const secondArgumentOffset = 24;

interface Instruction {
  readonly code: number;
  readonly ifTrue: number;
  readonly ifFalse: number;
  readonly operand: number;
}

/** The filter as the bytes that bubblewrap reads, or undefined where this architecture is unknown. */
export function seccompFilter(architecture: string): Buffer | undefined {
  if (architecture !== "x64" && architecture !== "arm64") return undefined;
  const permitted = present(allowed, architecture);
  const absent = present(missing, architecture);
  const program: Instruction[] = [
    load(architectureOffset),
    { code: jumpIfEqual, ifTrue: 1, ifFalse: 0, operand: auditArchitecture[architecture] },
    give(killProcess),
    load(numberOffset),
    // Each comparison steps over its own verdict unless it holds; no jump is longer than the block of ioctl.
    ...permitted.flatMap((number) => [skipUnless(number, 1), give(permit)]),
    ...absent.flatMap((number) => [skipUnless(number, 1), give(refuse(notThere))]),
    ...ioctlBlock(ioctl[architecture]),
    give(refuse(notPermitted)),
  ];
  return assemble(program);
}

function present(table: Readonly<Record<string, Numbers>>, architecture: Architecture): number[] {
  return Object.values(table)
    .map((entry) => entry[architecture])
    .filter((number) => number !== null);
}

function ioctlBlock(number: number | null): Instruction[] {
  if (number === null) return [];
  const checks = harmlessIoctls.flatMap((request) => [skipUnless(request, 1), give(permit)]);
  return [skipUnless(number, checks.length + 1), load(secondArgumentOffset), ...checks];
}

function load(offset: number): Instruction {
  return { code: loadWord, ifTrue: 0, ifFalse: 0, operand: offset };
}

function give(verdict: number): Instruction {
  return { code: giveBack, ifTrue: 0, ifFalse: 0, operand: verdict };
}

function skipUnless(value: number, instructions: number): Instruction {
  return { code: jumpIfEqual, ifTrue: 0, ifFalse: instructions, operand: value };
}

function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(({ code, ifTrue, ifFalse, operand }, index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(operand, index * 8 + 4);
  });
  return bytes;
}
