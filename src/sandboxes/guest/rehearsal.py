"""One short run for nobody, in a session of its own, before anybody waits for the real one.

In WebAssembly a function is compiled when it is called for the first time. What every run does - take in a context, run
a cell, ask the host, report - has then been done once.
"""

import linecache

from .frames import HEADER, JSON_KIND, RAW_KIND, encode
from .interrupts import Interrupts
from .session import NoCage, Session

CELL = """
import re
lines = [line for line in context.splitlines() if re.search(r"\\bline (\\d+)", line)]
def shown(part): return f"{part[0]}: {len(part):,}"
replies = llm_query_batched([shown(lines)])
print(shown(lines), context[:3].span, {"n": sum(1 for reply in replies if reply)})
FINAL(sorted(set(lines)))
"""


def rehearse():
    Session(_Host(), Interrupts(), NoCage()).serve()
    linecache.cache.clear()


class _Host:
    """A door behind which all that a host would say has been said."""

    def __init__(self):
        document = {"id": "d1", "start": 0, "characters": 13, "path": "a.txt"}
        opening = {"type": "open", "shape": "text", "documents": [document], "eager": True, "tools": [], "memoryMb": 64}
        answers = {"results": [{"ok": True, "text": "yes"}]}
        self._said = bytearray()
        self._say(encode(opening).encode())
        self._say(b"line 1\nline 2", RAW_KIND)
        self._say(encode({"type": "execute", "id": 1, "code": CELL}).encode())
        self._say(encode({"type": "reply", "id": 1, "ok": True, "value": answers}).encode())
        self._say(encode({"type": "execute", "id": 2, "code": "len(lines)"}).encode())

    def _say(self, payload, kind=JSON_KIND):
        self._said += HEADER.pack(len(payload), kind) + payload

    def wait(self, _timeout):
        return True

    def read(self, size):
        data = bytes(self._said[:size])
        del self._said[:size]
        return data

    def write(self, data):
        pass
