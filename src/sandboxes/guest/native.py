"""Starts a guest in a process of the operating system: descriptors 3 and 4, signals, and the limits of its cage.

The cage itself (namespaces, mounts, a system-call filter) was built around this process before it started.
"""

import errno
import os
import signal

from .door import PipeDoor
from .interrupts import Interrupts
from .session import NoCage, Session

READ_DESCRIPTOR = 3
WRITE_DESCRIPTOR = 4
MOST_DESCRIPTORS = 1 << 16
RESERVE_BYTES = 48 * 1024 * 1024


def start(is_caged):
    # Descriptors that the host's process inherited from its own parent may have come down to here.
    os.closerange(WRITE_DESCRIPTOR + 1, MOST_DESCRIPTORS)
    interrupts = Interrupts()
    signal.signal(signal.SIGINT, interrupts.handle)
    Session(PipeDoor(READ_DESCRIPTOR, WRITE_DESCRIPTOR), interrupts, Cage() if is_caged else NoCage()).serve()
    # Objects of the last cell may have destructors that never end.
    os._exit(0)


class Cage(NoCage):
    """Lowers this process's own limits for good, and looks whether the cage around it holds."""

    def __init__(self):
        import resource

        self._resource = resource
        self._limit = None
        for limit, value in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_NOFILE, 64),
            (resource.RLIMIT_NPROC, 0),
        ):
            resource.setrlimit(limit, (value, value))
        from . import system_calls

        system_calls.forbid_exec()

    def limit_memory(self, megabytes):
        with_reserve = self._mapped() + megabytes * 1024 * 1024 + RESERVE_BYTES
        self._limit = with_reserve - RESERVE_BYTES
        self._resource.setrlimit(self._resource.RLIMIT_AS, (self._limit, with_reserve))

    def relax(self):
        if self._limit is not None:
            self._set_soft(self._limit + RESERVE_BYTES)

    def tighten(self):
        if self._limit is not None:
            self._set_soft(self._limit)

    def _set_soft(self, value):
        hard = self._resource.getrlimit(self._resource.RLIMIT_AS)[1]
        # A cell may have lowered the hard limit itself.
        self._resource.setrlimit(self._resource.RLIMIT_AS, (value if hard < 0 else min(value, hard), hard))

    def _mapped(self):
        """Address space in use before the first cell. Without /proc it can't be read, so it is a round figure."""
        return 64 * 1024 * 1024

    def open_doors(self):
        """Tries what no cell may be able to do and names what worked. The host refuses the cage if anything did."""
        return [name for name, attempt in ATTEMPTS.items() if _works(attempt)]


def _works(attempt):
    try:
        return bool(attempt())
    except OSError as error:
        return error.errno == errno.ENOENT and attempt is _execute
    except BaseException:
        return False


def _read_host_file():
    return any(os.path.exists(path) for path in ("/etc", "/proc", "/sys", "/dev", "/tmp", "/home", "/root", "/var"))


def _write_file():
    descriptor = os.open("/unabridged-probe", os.O_CREAT | os.O_WRONLY)
    os.close(descriptor)
    return True


def _open_socket():
    import _socket

    return _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)


def _see_environment():
    return set(os.environ) - {"PWD", "LC_CTYPE"}


def _fork():
    if os.fork() == 0:
        os._exit(0)
    return True


def _execute():
    os.execv("/no-such-program", ["no-such-program"])


def _inherit_descriptors():
    for descriptor in range(WRITE_DESCRIPTOR + 1, 4096):
        try:
            os.fstat(descriptor)
        except OSError:
            continue
        return True


def _send_signal():
    os.kill(os.getpid(), 0)
    return True


ATTEMPTS = {
    "read files of the host": _read_host_file,
    "write files": _write_file,
    "open sockets": _open_socket,
    "see the host's environment": _see_environment,
    "start processes": _fork,
    "execute programs": _execute,
    "send signals": _send_signal,
    "use descriptors left open": _inherit_descriptors,
}
