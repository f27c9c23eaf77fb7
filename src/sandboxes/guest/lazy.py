"""Texts that stay on the host: the corpus is too large for this process. They behave as a str as far as windows go.

Reads come in pages that are kept for a while. What would need the whole text at once is refused with what to do instead;
what can be done page by page (iteration, find, count, split) is done so. Regular expressions: see lazy_patterns.
"""

import sys

from .texts import StrType, Text, shown_as_str

PAGE_CHARACTERS = 1 << 20
PAGES_KEPT = 16
EAGER_SLICE_CHARACTERS = 4 << 20
MOST_AT_ONCE = 64 << 20


class TextTooLarge(ValueError):
    """An operation needs more text at once than this process holds."""


TextTooLarge.__module__ = "builtins"


class Source:
    """A document on the host, read in pages. Positions count from the beginning of what `context` shows of it."""

    def __init__(self, document, calls):
        self.document = document
        self._calls = calls
        self._pages = {}

    def characters(self):
        if self.document.characters is None:
            reply = self._calls.ask("characters", {"document": self.document.id})
            self.document.characters = reply["characters"] if isinstance(reply, dict) else reply
        return self.document.characters

    def read(self, start, end):
        if end <= start:
            return ""
        first, last = start // PAGE_CHARACTERS, (end - 1) // PAGE_CHARACTERS
        if first == last:
            base = first * PAGE_CHARACTERS
            return self._page(first)[start - base : end - base]
        pages = [self._page(number) for number in range(first, last + 1)]
        pages[-1] = pages[-1][: end - last * PAGE_CHARACTERS]
        pages[0] = pages[0][start - first * PAGE_CHARACTERS :]
        return "".join(pages)

    def _page(self, number):
        page = self._pages.pop(number, None)
        if page is None:
            base = self.document.start + number * PAGE_CHARACTERS
            end = min(base + PAGE_CHARACTERS, self.document.start + self.characters())
            page = self._calls.ask("read", {"document": self.document.id, "start": base, "end": end})["text"]
            while len(self._pages) >= PAGES_KEPT:
                del self._pages[next(iter(self._pages))]
        # Put back at the end: the page longest unused is the first.
        self._pages[number] = page
        return page


@shown_as_str
class LazyText(metaclass=StrType):
    """A stretch of a document that stays on the host. Slices up to 4 Mi characters are fetched; larger ones stay lazy."""

    __slots__ = ("_source", "_from", "_to")

    def __init__(self, source, start, end):
        self._source = source
        self._from = start
        self._to = end

    @property
    def __class__(self):
        return str

    id = property(lambda self: self._source.document.id)
    path = property(lambda self: self._source.document.path)
    title = property(lambda self: self._source.document.title)
    metadata = property(lambda self: self._source.document.metadata)
    _document = property(lambda self: self._source.document)
    start = property(lambda self: self._source.document.start + self._from)
    end = property(lambda self: self._source.document.start + self._end())
    span = property(lambda self: f"{self.id}:{self.start}-{self.end}")

    def _end(self):
        if self._to is None:
            self._to = self._source.characters()
        return self._to

    def _window(self, start, end):
        """Characters [start, end) of this text as a plain str."""
        return self._source.read(self._from + start, self._from + min(end, self._length()))

    def _windows(self, size=PAGE_CHARACTERS, start=0, end=None):
        end = self._length() if end is None else end
        while start < end:
            yield start, self._window(start, min(start + size, end))
            start += size

    def _length(self):
        """What len() would say, also where that is more than an index of this interpreter holds."""
        return self._end() - self._from

    def __len__(self):
        length = self._length()
        if length > sys.maxsize:
            raise OverflowError(
                f"this text has {length:,} characters, more than len() can say here; slice it all the same, up to context.end"
            )
        return length

    def __bool__(self):
        return self._length() > 0

    def __getitem__(self, key):
        if not isinstance(key, slice):
            index = key.__index__()
            index += self._length() if index < 0 else 0
            if not 0 <= index < self._length():
                raise IndexError("string index out of range")
            return self._window(index, index + 1)
        start, end, step = key.indices(self._length())
        if step != 1:
            return str(self[min(start, end) : max(start, end)])[::step] if step > 0 else str(self)[key]
        end = max(start, end)
        if end - start > EAGER_SLICE_CHARACTERS:
            return LazyText(self._source, self._from + start, self._from + end)
        return Text(self._window(start, end), self._source.document, self._source.document.start + self._from + start)

    def __iter__(self):
        for _, window in self._windows():
            yield from window

    def __str__(self):
        if self._length() > MOST_AT_ONCE:
            raise TextTooLarge(
                f"this text has {self._length():,} characters and stays on the host; at most {MOST_AT_ONCE:,} are fetched at once. "
                "Take context[a:b], iterate over context.splitlines(), or use grep() and search()."
            )
        return self._window(0, self._length())

    def __repr__(self):
        if self._length() <= PAGE_CHARACTERS:
            return repr(str(self))
        return f"{self._window(0, 200)!r} … ({self._length():,} characters in all, on the host)"

    def __format__(self, spec):
        return format(str(self), spec)

    def __add__(self, other):
        return str(self) + other

    def __radd__(self, other):
        return other + str(self)

    def __eq__(self, other):
        if not isinstance(other, str):
            return NotImplemented
        if self._length() != len(other):
            return False
        return all(window == str(other[at : at + len(window)]) for at, window in self._windows())

    def __hash__(self):
        return hash((self._source.document.id, self._from, self._end()))

    def __contains__(self, part):
        return self.find(part) >= 0

    def find(self, part, start=None, end=None):
        start, end, _ = slice(start, end).indices(self._length())
        for at, window in self._windows(PAGE_CHARACTERS, start, end):
            window += self._window(at + len(window), min(end, at + len(window) + max(0, len(part) - 1)))
            found = window.find(part)
            if found >= 0:
                return at + found
        return start if not part and start <= end else -1

    def rfind(self, part, start=None, end=None):
        start, end, _ = slice(start, end).indices(self._length())
        at = end
        while at > start:
            below = max(start, at - PAGE_CHARACTERS)
            found = self._window(below, min(end, at + max(0, len(part) - 1))).rfind(part)
            if found >= 0:
                return below + found
            at = below
        return -1

    def index(self, part, start=None, end=None):
        return _found(self.find(part, start, end))

    def rindex(self, part, start=None, end=None):
        return _found(self.rfind(part, start, end))

    def count(self, part, start=None, end=None):
        start, end, _ = slice(start, end).indices(self._length())
        if not part:
            return max(0, end - start) + 1
        total, at = 0, start
        while (at := self.find(part, at, end)) >= 0:
            # Within a page the rest is counted at once; the last part may reach over its end.
            stop = min(end, at + PAGE_CHARACTERS)
            window = self._window(at, stop)
            total += window.count(part)
            at += window.rfind(part) + len(part)
        return total

    def startswith(self, prefix, start=None, end=None):
        start, end, _ = slice(start, end).indices(self._length())
        longest = max(map(len, prefix)) if isinstance(prefix, tuple) else len(prefix)
        return self._window(start, min(end, start + longest)).startswith(prefix)

    def endswith(self, suffix, start=None, end=None):
        start, end, _ = slice(start, end).indices(self._length())
        longest = max(map(len, suffix)) if isinstance(suffix, tuple) else len(suffix)
        return self._window(max(start, end - longest), end).endswith(suffix)

    def splitlines(self, keepends=False):
        return LazyPieces(self, lambda: _lines(self, keepends))

    def split(self, sep=None, maxsplit=-1):
        if maxsplit >= 0 or sep == "":
            return str(self).split(sep, maxsplit)
        return LazyPieces(self, lambda: _words(self) if sep is None else _split(self, sep))

    def __getattr__(self, name):
        if name.startswith("__") or not hasattr(str, name):
            raise AttributeError(f"'str' object has no attribute {name!r}")
        return getattr(str(self), name)

    def __reduce__(self):
        return (str, (str(self),))


class LazyPieces:
    """The lines or parts of a lazy text: a sequence that is walked, not held. Its length is counted by walking it."""

    def __init__(self, text, walk):
        self._text = text
        self._walk = walk
        self._count = None
        # A walk can't be resumed, so indexing walks from the front; the pieces it came to are kept.
        self._run = []
        self._run_start = 0

    def __iter__(self):
        return self._walk()

    def __len__(self):
        if self._count is None:
            self._count = sum(1 for _ in self._walk())
        return self._count

    def __bool__(self):
        return next(self._walk(), None) is not None

    def __getitem__(self, key):
        if isinstance(key, slice):
            return self._slice(key)
        index = key.__index__()
        index += len(self) if index < 0 else 0
        if not self._run_start <= index < self._run_start + len(self._run):
            self._run_start, self._run = index, self._take(index, index + 4096)
        if index < self._run_start or index - self._run_start >= len(self._run):
            raise IndexError("list index out of range")
        return self._run[index - self._run_start]

    def _slice(self, key):
        simple = (key.start or 0) >= 0 and key.stop is not None and key.stop >= 0 and (key.step or 1) > 0
        if simple:
            return self._take(key.start or 0, key.stop)[:: key.step or 1]
        start, stop, step = key.indices(len(self))
        if step < 0:
            return self._take(stop + 1, start + 1)[::-1][::-step]
        return self._take(start, stop)[::step]

    def _take(self, start, stop):
        pieces, held = [], 0
        for index, piece in enumerate(self._walk()):
            if index >= stop:
                break
            if index >= start:
                pieces.append(piece)
                held += len(piece)
                if held > MOST_AT_ONCE:
                    raise TextTooLarge(f"these pieces hold over {MOST_AT_ONCE:,} characters; walk over them in a loop instead")
        return pieces

    def __contains__(self, piece):
        return any(piece == other for other in self._walk())

    def __repr__(self):
        return f"<parts of {self._text.span}, walked on demand: iterate over it or take [a:b]>"


def _lines(text, keepends):
    rest = ""
    for _, window in text._windows():
        lines = (rest + window).splitlines(keepends=True)
        # The last line may go on in the next window; so may a line break of two characters.
        rest = lines.pop() if lines else ""
        yield from lines if keepends else (line.splitlines()[0] for line in lines)
    yield from rest.splitlines(keepends=keepends)


def _split(text, sep):
    rest = ""
    for _, window in text._windows():
        parts = (rest + window).split(sep)
        rest = parts.pop()
        yield from parts
    yield rest


def _words(text):
    rest = ""
    for _, window in text._windows():
        window = rest + window
        words = window.split()
        rest = words.pop() if words and not window[-1].isspace() else ""
        yield from words
    if rest:
        yield rest


def _found(at):
    if at < 0:
        raise ValueError("substring not found")
    return at


def install(documents, calls):
    """Makes the lazy texts, and lets the functions of re accept them."""
    from . import lazy_patterns

    lazy_patterns.install()
    return [LazyText(Source(document, calls), 0, document.characters) for document in documents]
