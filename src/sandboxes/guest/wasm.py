"""Starts a guest in WebAssembly: devices in place of descriptors, a mailbox in place of signals, no threads, no files.

The cage is outside: the functions that this build may call were chosen by the program around it.
"""

import gc
import os
import signal
import sys

from . import attempts, rehearsal, wasm_library
from .door import PipeDoor
from .interrupts import Interrupts
from .session import NoCage, Session

# What cells mostly import, and our own part that needs asyncio. An image of the booted interpreter holds them ready.
PRELOADED = (
    "collections copy csv dataclasses datetime functools itertools json math random statistics string textwrap typing "
    "guest.event_loop"
)


def boot():
    """Does all that sessions have in common, then leaves. The program around it calls `serve`, now or in a copy."""
    os.environ.clear()
    wasm_library.complete()
    cage = Cage()
    interrupts = MailboxInterrupts(cage)
    signal.signal(signal.SIGINT, interrupts.handle)
    host = os.open("/dev/host", os.O_RDWR)
    session = Session(PipeDoor(host, host), interrupts, cage)
    for name in PRELOADED.split():
        __import__(name)

    def serve():
        # Every copy would otherwise roll the same dice.
        sys.modules["random"].seed()
        rehearsal.rehearse()
        session.serve()
        # Objects of the last cell may have destructors that never end.
        os._exit(0)

    gc.collect()
    gc.freeze()
    cage.will_serve(serve)
    os._exit(0)


class Cage(NoCage):
    """Asks the program around the interpreter for its limits."""

    def __init__(self):
        self._requests = os.open("/dev/cage", os.O_WRONLY)

    def limit_memory(self, megabytes):
        self._ask(f"limit {megabytes}".encode())

    def relax(self):
        self._ask(b"relax")

    def tighten(self):
        self._ask(b"tighten")

    def forget_interrupts(self):
        self._ask(b"cell")

    def will_serve(self, function):
        self._ask(f"serve {id(function)}".encode())

    def open_doors(self):
        return attempts.open_doors(attempts.WASM)

    def _ask(self, request):
        try:
            os.write(self._requests, request)
        except OSError:  # a cell closed it, to its own loss
            pass


class MailboxInterrupts(Interrupts):
    """The host's interrupts are seen late. Those that a cell no longer saw must not hit the next one."""

    def __init__(self, cage):
        super().__init__()
        self._cage = cage

    def begin_cell(self):
        super().begin_cell()
        self._cage.forget_interrupts()
