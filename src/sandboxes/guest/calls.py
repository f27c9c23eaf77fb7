"""Calls to the host: several may be under way, replies come in any order. It knows no call's meaning."""

from .answers import error_of
from .frames import beside

# Beyond this, a call waits for an earlier one; the host ends a session that has far more under way.
MAX_UNDER_WAY = 5_000


class Call:
    __slots__ = ("id", "done", "value", "error", "listener")

    def __init__(self, number):
        self.id = number
        self.done = False
        self.value = None
        self.error = None
        self.listener = None


class Calls:
    def __init__(self, channel, output):
        self._channel = channel
        self._output = output
        self._under_way = {}
        self._next = 1
        # Replies taken in this cell. The host compares it with what it sent, so that a reply that crossed our
        # "waiting" on the way isn't slept through.
        self._replies = 0
        # True while the host knows that we do nothing but wait for it: that time isn't counted against the cell.
        self._said_waiting = False

    def begin_cell(self):
        self._under_way = {}
        self._replies = 0
        self._said_waiting = False

    @property
    def under_way(self):
        return len(self._under_way)

    def start(self, name, arguments, waits=False):
        while len(self._under_way) >= MAX_UNDER_WAY:
            self.pump(None)
        self._output.flush()
        call = Call(self._next)
        self._next += 1
        message = {"type": "call", "id": call.id, "name": name, "args": arguments}
        if waits:
            message["waits"] = self._replies
        raw = None
        if isinstance(arguments, dict) and isinstance(arguments.get("items"), list):
            items, sizes, raw = beside(arguments["items"], "prompt")
            if raw is not None:
                message["args"] = {**arguments, "items": items}
                message["prompts"] = sizes
        self._channel.send(message, raw)
        self._said_waiting = waits
        self._under_way[call.id] = call
        return call

    def ask(self, name, arguments):
        """Calls and waits. Raises HostError where the host refused."""
        return self.wait(self.start(name, arguments, waits=True))

    def wait(self, call):
        while not call.done:
            self.pump(None)
        if call.error is not None:
            raise error_of(call.error)
        return call.value

    def cancel(self, call):
        if self._under_way.pop(call.id, None) is not None:
            self._channel.send({"type": "cancel", "ids": [call.id]})

    def pump(self, timeout):
        """Takes in what the host sent; where nothing is there yet, waits up to `timeout` seconds for it."""
        message = self._channel.receive(0)
        if message is None and timeout != 0:
            self._output.flush()
            if self._under_way and not self._said_waiting:
                self._channel.send({"type": "waiting", "waits": self._replies})
                self._said_waiting = True
            message = self._channel.receive(timeout)
        while message is not None:
            self._take(message)
            message = self._channel.receive(0)

    def _take(self, message):
        kind = message["type"]
        if kind != "reply":
            return
        self._said_waiting = False
        self._replies += 1
        call = self._under_way.pop(message["id"], None)
        if call is None:
            return
        if message["ok"]:
            call.value = message.get("value")
        else:
            call.error = message["error"]
        call.done = True
        if call.listener is not None:
            call.listener(call)
