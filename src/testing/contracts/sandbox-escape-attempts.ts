/**
 * Cells that try to get out, as a flat list. FILE, FOLDER, VARIABLE, PORT and HOST_PID are replaced by what the
 * test planted. An attempt prints what it got hold of, or ESCAPED where something worked that must not.
 */

/** Finds the guest's own channel to the host among all objects. */
const channel = "import gc\nchannel = next(o for o in gc.get_objects() if type(o).__name__ == 'Channel')\n";
const c = "import ctypes\nlibc = ctypes.CDLL(None)\n";

const files: Readonly<Record<string, string>> = {
  "open a file of the host": "print(open(FILE).read())",
  "open it by descriptor": "import os\nprint(os.read(os.open(FILE, os.O_RDONLY), 100))",
  "read it through pathlib": "import pathlib\nprint(pathlib.Path(FILE).read_text())",
  "read it through io.FileIO": "import io\nprint(io.FileIO(FILE).readall())",
  "read it through linecache": "import linecache\nprint(linecache.getlines(FILE))",
  "list its folder": "import os\nprint(os.listdir(FOLDER), 'ESCAPED')",
  "climb up from here": "print(open('../' * 30 + FILE.lstrip('/')).read())",
  "import a module of the host":
    "import sys\nsys.path.insert(0, FOLDER)\nimport planted\nprint(planted.value)",
  "load a module by its path":
    "import importlib.util as u\ns = u.spec_from_file_location('p', FOLDER + '/planted.py')\nm = u.module_from_spec(s)\ns.loader.exec_module(m)\nprint(m.value)",
  "read it through a loader's get_data":
    "import importlib.machinery as m\nprint(m.SourceFileLoader('p', FILE).get_data(FILE))",
  "follow a symbolic link of its own": "import os\nos.symlink(FILE, '/link')\nprint(open('/link').read())",
  "make a hard link": "import os\nos.link(FILE, '/link')\nprint(open('/link').read())",
  "map it into memory":
    "import mmap, os\nfd = os.open(FILE, os.O_RDONLY)\nprint(mmap.mmap(fd, 0, prot=mmap.PROT_READ)[:])",
  "attach it as a database":
    "import sqlite3\nd = sqlite3.connect(FOLDER + '/new.db')\nd.execute('create table t(x)')\nd.commit()\nprint('ESCAPED')",
  "write into its folder": "open(FOLDER + '/new.txt', 'w').write('x')",
  "overwrite it": "open(FILE, 'w').write('x')",
  "delete it": "import os\nos.remove(FILE)",
  "look at everything from the root":
    "import os\nfor folder, _, names in os.walk('/'):\n    for name in names:\n        if name in ('secret.txt', 'planted.py', 'passwd', 'shadow', '.env', 'id_rsa'):\n            print(open(os.path.join(folder, name)).read(), 'ESCAPED')",
  "read /etc/passwd": "text = open('/etc/passwd').read()\nprint('ESCAPED' if '/bin/' in text else '')",
  "go through /proc/self/root": "print(open('/proc/self/root' + FILE).read())",
  "go through the root of the host's process": "print(open('/proc/HOST_PID/root' + FILE).read())",
  "read the host's memory": "open('/proc/HOST_PID/mem', 'rb').seek(4096)\nprint('ESCAPED')",
  "read a disk":
    "import os\nfor name in ('mem', 'kmem', 'sda', 'vda', 'nvme0n1', 'kmsg'):\n    try:\n        os.open('/dev/' + name, os.O_RDONLY)\n        print('ESCAPED')\n    except OSError:\n        pass",
  "use descriptors that were left open":
    "import os, stat\nfor fd in range(256):\n    try:\n        if stat.S_ISDIR(os.fstat(fd).st_mode):\n            print(os.open(FILE.lstrip('/'), os.O_RDONLY, dir_fd=fd), 'ESCAPED')\n        if stat.S_ISREG(os.fstat(fd).st_mode):\n            print(os.pread(fd, 100, 0))\n    except OSError:\n        pass",
  "change the root":
    "import os\nos.mkdir('/x')\nos.chroot('/x')\nos.chdir('../../../..')\nprint(open(FILE).read())",
  "mount the host's disk": `${c}print('ESCAPED' if libc.mount(b'/dev/vda', b'/mnt', b'ext4', 0, None) == 0 else '')`,
  "enter other namespaces": `${c}print('ESCAPED' if libc.unshare(0x10000000) == 0 or libc.setns(0, 0) == 0 else '')`,
  "open a handle past the mounts": `${c}print('ESCAPED' if libc.syscall(304, -100, 0, 0) >= 0 else '')`,
};

const environment: Readonly<Record<string, string>> = {
  "read the environment": "import os\nprint(dict(os.environ), os.environb)",
  "read it through C": `${c}libc.getenv.restype = ctypes.c_char_p\nprint(libc.getenv(VARIABLE.encode()))`,
  "read it from /proc":
    "for pid in ('self', '1', 'HOST_PID', 'thread-self'):\n    try:\n        print(open(f'/proc/{pid}/environ').read())\n    except OSError:\n        pass",
  "read the command line of the host": "print(open('/proc/HOST_PID/cmdline').read(), 'ESCAPED')",
};

const processes: Readonly<Record<string, string>> = {
  "subprocess.run":
    "import subprocess\nprint(subprocess.run(['cat', FILE], capture_output=True).stdout, 'ESCAPED')",
  "os.system": "import os\nprint('ESCAPED' if os.system('true') == 0 else '')",
  "os.popen": "import os\nprint(os.popen('cat ' + FILE).read())",
  "os.fork": "import os\npid = os.fork()\nif pid == 0: os._exit(0)\nprint('ESCAPED')",
  "os.posix_spawn": "import os\nprint(os.posix_spawn('/bin/true', ['true'], {}), 'ESCAPED')",
  "a shell in place of the interpreter": "import os\nos.execv('/bin/sh', ['sh', '-c', 'echo ESCAPED'])",
  "the interpreter in place of itself":
    "import os, sys\nos.execv('/python/bin/python3', ['python3', '-c', 'print(1)'])",
  "a program from memory":
    "import os\nfd = os.memfd_create('p')\nos.write(fd, b'#!/bin/sh\\necho ESCAPED')\nos.execve(fd, ['p'], {})",
  "fork_exec by hand":
    "import _posixsubprocess\n_posixsubprocess.fork_exec\nimport subprocess\nsubprocess.Popen(['/bin/true'], close_fds=False)\nprint('ESCAPED')",
  multiprocessing:
    "import multiprocessing\np = multiprocessing.get_context('fork').Process(target=print)\np.start()\nprint('ESCAPED')",
  "a pseudo-terminal": "import pty\npty.spawn(['/bin/true'])\nprint('ESCAPED')",
  "system() of the C library": `${c}print('ESCAPED' if libc.system(b'true') == 0 else '')`,
  "fork by its number": `${c}pid = libc.syscall(57)\nif pid == 0: libc._exit(0)\nprint('ESCAPED' if pid > 0 else '')`,
  "clone by its number": `${c}pid = libc.syscall(56, 17, 0, 0, 0, 0)\nif pid == 0: libc._exit(0)\nprint('ESCAPED' if pid > 0 else '')`,
  "a bomb of forks":
    "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        break",
  "a flood of threads":
    "import _thread, time\ncount = 0\ntry:\n    while count < 5_000:\n        _thread.start_new_thread(time.sleep, (60,))\n        count += 1\nexcept RuntimeError:\n    pass\nprint('ESCAPED' if count >= 5_000 else '')",
  "killing the host": "import os\nos.kill(HOST_PID, 9)",
  "killing everything": "import os\nos.kill(-1, 9)",
  "killing its parent": "import os\nos.kill(os.getppid(), 9)",
  "tracing the host": `${c}print('ESCAPED' if libc.ptrace(16, HOST_PID, 0, 0) == 0 else '')`,
  "reading the host's memory by call": `${c}print('ESCAPED' if libc.syscall(310, HOST_PID, 0, 0, 0, 0, 0) > 0 else '')`,
};

const network: Readonly<Record<string, string>> = {
  "a connection to the host":
    "import socket\nprint(socket.create_connection(('127.0.0.1', PORT), timeout=1).recv(100))",
  "a socket without a library":
    "import _socket\ns = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)\ns.connect(('127.0.0.1', PORT))\nprint(s.recv(100))",
  urllib: "import urllib.request\nprint(urllib.request.urlopen('http://127.0.0.1:PORT/').read())",
  "http.client":
    "import http.client\nh = http.client.HTTPConnection('127.0.0.1', PORT)\nh.request('GET', '/')\nprint(h.getresponse().read())",
  "asyncio streams":
    "import asyncio\nreader, writer = await asyncio.open_connection('127.0.0.1', PORT)\nprint(await reader.read())",
  "socket() of the C library": `${c}fd = libc.socket(2, 1, 0)\nprint('ESCAPED' if fd >= 0 and libc.connect(fd, b'\\x02\\x00' + (PORT).to_bytes(2, 'big') + bytes([127, 0, 0, 1]) + bytes(8), 16) == 0 else '')`,
  "a listener of its own":
    "import socket\ns = socket.socket()\ns.bind(('0.0.0.0', 0))\ns.listen()\nprint('ESCAPED')",
  "a datagram":
    "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))\nprint('ESCAPED')",
  "a socket of the local system":
    "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('/run/dbus/system_bus_socket')\nprint('ESCAPED')",
  "a look-up of a name": "import socket\nprint(socket.gethostbyname('example.com'), 'ESCAPED')",
};

const bridges: Readonly<Record<string, string>> = {
  "import js": "import js\nprint(js.process.env, 'ESCAPED')",
  "import pyodide": "from pyodide.code import run_js\nprint(run_js('process.env'), 'ESCAPED')",
  "import _pyodide": "import _pyodide_core\nprint('ESCAPED')",
  "import pyodide_js": "import pyodide_js\nprint(pyodide_js.loadPackage, 'ESCAPED')",
  emscripten_run_script: `${c}print(libc.emscripten_run_script(b'process.exit(3)'), 'ESCAPED')`,
  emscripten_run_script_string: `${c}libc.emscripten_run_script_string.restype = ctypes.c_char_p\nprint(libc.emscripten_run_script_string(b'process.env.' + VARIABLE.encode()))`,
  "mounting the host's files through emscripten":
    "import ctypes\nctypes.CDLL(None).emscripten_asm_const_int(b'FS.mount(NODEFS, {root: \"/\"}, \"/mnt\")')\nprint(open('/mnt' + FILE).read())",
};

const frames: Readonly<Record<string, string>> = {
  "bytes that are no frame": `${channel}channel._door.write(b'\\xff' * 64)`,
  "a frame of four gigabytes": `${channel}channel._door.write(b'\\xff\\xff\\xff\\xff\\x00')`,
  "JSON that is none": `${channel}channel._door.write(b'\\x03\\x00\\x00\\x00\\x00{{{')`,
  "JSON nested a million deep": `${channel}data = b'[' * 1_000_000\nchannel._door.write(len(data).to_bytes(4, 'little') + b'\\x00' + data)`,
  "a message of no type": `${channel}channel.send({'type': 'nothing'})`,
  "a message with a poisoned prototype": `${channel}channel.send({'type': 'call', 'id': 9, 'name': '__proto__', 'args': {'__proto__': {'polluted': 1}}})`,
  "a forged end of another cell": `${channel}channel.send({'type': 'done', 'id': 1, 'status': 'ok', 'characters': 0, 'tail': '', 'variables': []})`,
  "a forged end of the wrong shape": `${channel}channel.send({'type': 'done', 'id': 'x', 'status': 'ok', 'characters': -1, 'tail': 5, 'variables': 'all'})`,
  "being ready in the middle": `${channel}channel.send({'type': 'ready', 'openDoors': []})`,
  "one call id twice": `${channel}for _ in range(2): channel.send({'type': 'call', 'id': 5, 'name': 'llm_query', 'args': {'items': [{'prompt': 'HANG'}]}})`,
  "raw bytes that belong to nothing": `${channel}channel._door.write(b'\\x03\\x00\\x00\\x00\\x01abc')`,
  "prompts that don't fit their items": `${channel}channel.send({'type': 'call', 'id': 9, 'name': 'llm_query', 'args': {'items': [{}, {}]}, 'prompts': [2, 2]}, b'abc')`,
  "prompts that never come": `${channel}channel.send({'type': 'call', 'id': 9, 'name': 'llm_query', 'args': {'items': [{}]}, 'prompts': [2]})\nchannel.send({'type': 'waiting', 'waits': 0})`,
  "prompts of arguments of the wrong kind": `${channel}channel.send({'type': 'call', 'id': 9, 'name': 'llm_query', 'args': [5], 'prompts': [3]}, b'abc')`,
  "an endless claim to be waiting": `${channel}for _ in range(1000): channel.send({'type': 'waiting', 'waits': 0})\nwhile True: pass`,
  "a flood of forged output": `${channel}for _ in range(200): channel.send({'type': 'stdout', 'text': 'x' * 100_000})`,
  "a flood on the other descriptors":
    "import os\nos.write(1, b'x' * 1_000_000)\nos.write(2, b'x' * 10_000_000)",
  "closing every descriptor": "import os\nos.closerange(0, 1000)",
  "an unknown call":
    "import gc\ncalls = next(o for o in gc.get_objects() if type(o).__name__ == 'Calls')\nfor name in ('eval', 'constructor', '__proto__', 'toString', 'close', 'x' * 150):\n    try:\n        print(calls.ask(name, {}), 'ESCAPED')\n    except HostError:\n        pass",
  "calls with arguments of the wrong kind":
    "import gc\ncalls = next(o for o in gc.get_objects() if type(o).__name__ == 'Calls')\nfor args in (None, 5, [], 'x', {'items': 7}, {'start': -1, 'end': 1e300}):\n    for name in ('read', 'llm_query', 'grep', 'characters'):\n        try:\n            calls.ask(name, args)\n        except (HostError, TypeError, KeyError, AttributeError):\n            pass",
  "a prompt of a hundred megabytes":
    "try:\n    llm_query('x' * 100_000_000)\nexcept (ValueError, MemoryError) as error:\n    print('refused')",
  "thousands of calls at once":
    "import gc\ncalls = next(o for o in gc.get_objects() if type(o).__name__ == 'Calls')\nfor _ in range(6_000): calls.start('budget', {})",
};

const interpreter: Readonly<Record<string, string>> = {
  "frames of the caller":
    "import sys\nframe = sys._getframe()\nwhile frame.f_back: frame = frame.f_back\nprint(frame.f_globals.get('__builtins__') and open(FILE).read())",
  "subclasses of object":
    "for kind in object.__subclasses__():\n    if kind.__name__ in ('_wrap_close', 'Popen'):\n        print(kind.__init__.__globals__['system']('true'))",
  "clearing sys.modules": "import sys\nsys.modules.clear()",
  "taking the guest's modules apart":
    "import sys\nfor name, module in list(sys.modules.items()):\n    if name.startswith('guest'):\n        module.__dict__.clear()",
  "a null pointer": "import ctypes\nctypes.string_at(0)",
  "an overflow of the C stack":
    "import sys\nsys.setrecursionlimit(10 ** 9)\ndef down(n): return [down(n + 1)]\ndown(0)",
  "raising its own limits":
    "import resource\nfor limit in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):\n    try:\n        resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n        print('ESCAPED')\n    except (ValueError, OSError):\n        pass",
  "a flood of descriptors":
    "import os\nheld = []\ntry:\n    while len(held) < 100_000: held.append(os.dup(0))\nexcept OSError:\n    pass\nprint('ESCAPED' if len(held) >= 100_000 else '')\nfor fd in held: os.close(fd)",
  "an exception whose text never ends":
    "class Endless(Exception):\n    def __str__(self):\n        while True: pass\nraise Endless",
  "a value whose repr lies":
    "class Liar(str):\n    def __len__(self): return -5\n    def __getitem__(self, key): return self\nprint(Liar('x'))\nLiar('y')",
  "a destructor that never ends":
    "class Endless:\n    def __del__(self):\n        while True: pass\nx = Endless()\ndel x",
  "tracing its own interpreter":
    "import sys\ndef trace(*_): raise RuntimeError('traced')\nsys.settrace(trace)\nsys.setprofile(trace)",
};

/** What is tried → the cell that tries it. */
export const escapeAttempts: Readonly<Record<string, string>> = {
  ...prefixed("files", files),
  ...prefixed("environment", environment),
  ...prefixed("processes", processes),
  ...prefixed("network", network),
  ...prefixed("bridges", bridges),
  ...prefixed("frames", frames),
  ...prefixed("interpreter", interpreter),
};

function prefixed(group: string, attempts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(attempts).map(([what, code]) => [`${group}: ${what}`, code]));
}
