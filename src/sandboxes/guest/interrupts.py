"""Turns the host's interrupt into KeyboardInterrupt, only while a cell runs and never in the middle of a frame."""


class Interrupts:
    """`with interrupts:` guards a stretch that must not be torn; an interrupt in it is raised at its end."""

    def __init__(self):
        self.armed = False
        self.received = False
        self._depth = 0
        self._pending = False

    def begin_cell(self):
        self.received = False
        self._pending = False
        self._depth = 0

    def handle(self, _signal=None, _frame=None):
        """The signal handler. The host repeats it, so that a loop that catches everything is caught again."""
        if not self.armed:
            return
        self.received = True
        if self._depth:
            self._pending = True
        else:
            raise KeyboardInterrupt("the cell was stopped")

    def __enter__(self):
        self._depth += 1

    def __exit__(self, *_):
        self._depth -= 1
        if self._pending and not self._depth:
            self._pending = False
            if self.armed:
                raise KeyboardInterrupt("the cell was stopped")
