"""Starts a guest in a process of the operating system: descriptors 3 and 4, signals, and the limits of its cage.

The cage itself (namespaces, mounts, a system-call filter) was built around this process before it started.
"""

import os
import signal

from . import attempts
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
        return attempts.open_doors(attempts.NATIVE)
