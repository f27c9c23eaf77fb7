"""The life of a guest: takes the host's messages one by one, runs cells, reports how each ended."""

import builtins
import gc
import sys
import types

from . import cell as cells
from .answers import resolved
from .calls import Calls
from .frames import Channel
from .interface import Interface
from .output import Output
from .texts import Document, Text

INLINE_FINAL_CHARACTERS = 1 << 20
REPORTED_VARIABLES = 1_000


class NoCage:
    """What a door without a cage of its own offers: no limits, nothing to check."""

    def open_doors(self):
        return []

    def limit_memory(self, megabytes):
        pass

    def relax(self):
        """More memory, for reporting that the cell ran out of it."""

    def tighten(self):
        """Back to the limit."""


class Session:
    def __init__(self, door, interrupts, cage):
        self._interrupts = interrupts
        self._cage = cage
        self._channel = Channel(door, interrupts)
        self._output = Output(self._channel)
        self._calls = Calls(self._channel, self._output)
        module = types.ModuleType("__main__")
        module.__builtins__ = builtins
        self._namespace = module.__dict__
        self._module = module
        self._interface = Interface(self._calls, self._namespace)
        self._loop = None
        self._context = None
        self._cells = 0
        self._mentions_async = False

    def serve(self):
        """Runs until the host goes away."""
        self._channel.send({"type": "ready", "openDoors": self._cage.open_doors()})
        try:
            while True:
                message = self._channel.receive()
                if message["type"] == "open":
                    self._open(message)
                elif message["type"] == "execute":
                    self._execute(message)
                elif message["type"] == "close":
                    return
        except EOFError:
            return

    def _open(self, message):
        self._cage.limit_memory(message["memoryMb"])
        documents = [Document(record) for record in message["documents"]]
        if message["eager"]:
            texts = [Text(self._channel.receive_text(), document, document.start) for document in documents]
        else:
            from . import lazy

            texts = lazy.install(documents, self._calls)
        self._context = texts if message["shape"] == "documents" else texts[0] if texts else ""
        self._namespace["context"] = self._context
        self._interface.install(texts, message["tools"])
        self._interface.asynchronous = self._is_asynchronous
        sys.modules["__main__"] = self._module
        builtins.input = _no_input
        builtins.exit = builtins.quit = sys.exit
        builtins.help = _help
        builtins.breakpoint = _no_input
        self._builtins = dict(builtins.__dict__)
        self._channel.send({"type": "opened"})

    def _execute(self, message):
        self._cells += 1
        self._begin(message["code"])
        status, value, error = "ok", None, None
        try:
            try:
                cell = cells.Cell(message["code"], self._cells)
                self._interrupts.armed = True
                value = cell.run(self._namespace, self._loop.run_until_complete if self._mentions_async else None)
                self._settle()
            finally:
                self._interrupts.armed = False
                sys.settrace(None)
                sys.setprofile(None)
        except SystemExit as exit:
            if isinstance(exit.code, str):
                self._output.write(exit.code + "\n")
        except BaseException as raised:
            if self._channel.closed:
                raise
            status, error = "threw", raised
        self._report(message["id"], status, value, error)

    def _begin(self, code):
        self._interrupts.begin_cell()
        self._output.begin_cell()
        self._calls.begin_cell()
        self._interface.begin_cell()
        sys.stdout = sys.stderr = self._output
        sys.__stdout__ = sys.__stderr__ = self._output
        sys.stdin = None
        self._mentions_async = "await" in code or "async" in code
        if self._mentions_async and self._loop is None:
            from . import event_loop

            self._loop = event_loop.install(self._calls)
            self._interface.pending_future = lambda call, convert: event_loop.PendingFuture(
                self._loop, self._calls, call, convert
            )
        if "concurrent" in code or "threading" in code:
            from . import threads

            threads.install(self._interface)

    def _is_asynchronous(self):
        return self._mentions_async or (self._loop is not None and self._loop.is_running())

    def _settle(self):
        """Waits for answers on their way that the cell put into variables."""
        if not self._calls.under_way:
            return
        for name, value in list(self._namespace.items()):
            if name not in self._interface.names:
                settled = resolved(value)
                if settled is not value:
                    self._namespace[name] = settled

    def _report(self, number, status, value, error):
        self._cage.relax()
        record = None
        if isinstance(error, MemoryError):
            status = "memory"
            error.__traceback__ = error.__context__ = None
        elif error is not None:
            record = self._interruptible(lambda: cells.describe(error))
            if self._interrupts.received or record is None:
                status, record = "interrupted", None
        error = None
        if status != "ok":
            gc.collect()
        final, is_empty = self._finish()
        self._put_back()
        message = {"type": "done", "id": number, "status": status, "value": value, "error": record}
        message["characters"] = self._output.characters
        message["tail"] = self._output.tail()
        message["variables"] = [name[:200] for name in self._interface.variables()[:REPORTED_VARIABLES]]
        message["emptyFinal"] = is_empty
        raw = None
        if final is not None and len(final["text"]) > INLINE_FINAL_CHARACTERS:
            raw = final.pop("text").encode("utf-16-le", "surrogatepass")
        message["final"] = final
        self._output.flush()
        self._channel.send(message, raw)
        self._cage.tighten()

    def _finish(self):
        try:
            finished = self._interruptible(self._interface.finish)
        except Exception as error:  # an answer object of the cell's own making may raise anything
            self._output.write(f'answer["content"] cannot be read: {type(error).__name__}: {error}\n')
            finished = None
        return finished or (self._interface.final, False)

    def _interruptible(self, function):
        """Calls what may run methods that the cell defined. None where the host had to stop it."""
        try:
            try:
                self._interrupts.armed = True
                return function()
            finally:
                self._interrupts.armed = False
        except KeyboardInterrupt:
            return None

    def _put_back(self):
        """What a cell may have broken for the next one."""
        # The host cancels what is still under way, and counts it, when it hears that the cell is done.
        self._calls.begin_cell()
        if self._loop is not None:
            self._loop.forget()
        if builtins.__dict__ != self._builtins:
            builtins.__dict__.clear()
            builtins.__dict__.update(self._builtins)
        self._interface.restore()
        self._namespace.setdefault("context", self._context)
        self._namespace["__builtins__"] = builtins
        sys.modules["__main__"] = self._module


def _no_input(*_):
    raise RuntimeError("nobody is there to answer input(); the question is in your instructions, the data in `context`")


def _help(*arguments):
    if not arguments:
        print("help(name) shows what a function does.")
        return
    import pydoc

    print(pydoc.plain(pydoc.render_doc(*arguments, title="%s")))
