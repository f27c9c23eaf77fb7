"""Regular expressions over texts that stay on the host: one window at a time, with overlap.

A match longer than WINDOW_OVERLAP characters may be found cut, and look-behind sees at most LOOK_BEHIND characters.
"""

import re

from .lazy import LazyText

WINDOW_CHARACTERS = 4 << 20
WINDOW_OVERLAP = 256 << 10
LOOK_BEHIND = 4096


class LazyMatch:
    """A match in a window, told in positions of the whole text."""

    def __init__(self, match, offset, text):
        self._match = match
        self._offset = offset
        self.string = text

    def _at(self, position):
        return position if position < 0 else position + self._offset

    def start(self, group=0):
        return self._at(self._match.start(group))

    def end(self, group=0):
        return self._at(self._match.end(group))

    def span(self, group=0):
        return (self.start(group), self.end(group))

    def __getitem__(self, group):
        return self._match[group]

    def __getattr__(self, name):
        return getattr(self._match, name)

    def __repr__(self):
        return f"<re.Match object; span={self.span()}, match={self._match.group()!r}>"


def finditer(pattern, text, start=0, end=None):
    """Matches of a compiled pattern in a lazy text, window by window."""
    end = text._length() if end is None else min(end, text._length())
    at = start
    base = start
    while base < end or base == start:
        accept_until = base + WINDOW_CHARACTERS
        # Some text before, so that look-behind, ^ and \b see what they look at.
        window_start = max(0, base - LOOK_BEHIND)
        window = text._window(window_start, min(end, accept_until + WINDOW_OVERLAP))
        for match in pattern.finditer(window, max(at, base) - window_start):
            found = window_start + match.start()
            if found >= accept_until and accept_until < end:
                break
            yield LazyMatch(match, window_start, text)
            at = max(window_start + match.end(), found + (1 if match.end() == match.start() else 0))
        base = accept_until


class LazyPattern:
    """A compiled pattern that also takes lazy texts. All else is the pattern itself."""

    def __init__(self, pattern):
        self._pattern = pattern

    @property
    def __class__(self):
        return re.Pattern

    def __getattr__(self, name):
        method = getattr(self._pattern, name)
        lazy = _ON_LAZY.get(name)
        if lazy is None:
            return method

        def call(*arguments, **keywords):
            position = 1 if name in ("sub", "subn") else 0
            text = arguments[position] if len(arguments) > position else keywords.get("string")
            if _is_lazy(text):
                return lazy(self._pattern, *arguments, **keywords)
            return method(*arguments, **keywords)

        return call

    def __eq__(self, other):
        return self._pattern == getattr(other, "_pattern", other)

    def __hash__(self):
        return hash(self._pattern)

    def __repr__(self):
        return repr(self._pattern)


def _is_lazy(text):
    # isinstance would go by the __class__ that claims to be str, and type equality by the one that compares as str.
    return type(text) is LazyText


def _search(pattern, text, start=0, end=None):
    return next(finditer(pattern, text, start, end), None)


def _match(pattern, text, start=0, end=None):
    stop = text._length() if end is None else min(end, text._length())
    match = pattern.match(text._window(start, min(stop, start + WINDOW_CHARACTERS)))
    return match and LazyMatch(match, start, text)


def _findall(pattern, text, start=0, end=None):
    def shown(match):
        groups = match.groups("")
        return match.group() if not groups else groups[0] if len(groups) == 1 else groups

    return [shown(match) for match in finditer(pattern, text, start, end)]


def _split_by(pattern, text, maxsplit=0):
    parts, at = [], 0
    for match in finditer(pattern, text):
        parts.append(str(text[at : match.start()]))
        parts.extend(match.groups())
        at = match.end()
        if maxsplit and len(parts) >= maxsplit:
            break
    parts.append(str(text[at:]))
    return parts


def _whole(name):
    return lambda pattern, *arguments, **keywords: getattr(pattern, name)(
        *(str(argument) if isinstance(argument, str) else argument for argument in arguments), **keywords
    )


_ON_LAZY = {
    "search": _search,
    "match": _match,
    "findall": _findall,
    "finditer": finditer,
    "split": _split_by,
    "fullmatch": _whole("fullmatch"),
    "sub": _whole("sub"),
    "subn": _whole("subn"),
}


def install():
    """Lets the functions of re, and the patterns it compiles from now on, accept lazy texts."""
    compile_pattern = re.compile

    def compile(pattern, flags=0):
        compiled = compile_pattern(getattr(pattern, "_pattern", pattern), flags)
        return LazyPattern(compiled)

    def function(name):
        plain = getattr(re, name)
        position = 2 if name in ("sub", "subn") else 1

        def call(pattern, *arguments, **keywords):
            text = arguments[position - 1] if len(arguments) >= position else keywords.get("string")
            pattern = getattr(pattern, "_pattern", pattern)
            if not _is_lazy(text):
                return plain(pattern, *arguments, **keywords)
            flags = keywords.pop("flags", 0)
            extra = arguments[position:]
            if extra and name in ("search", "match", "fullmatch", "findall", "finditer"):
                flags, arguments = extra[0], arguments[:position]
            return _ON_LAZY[name](compile_pattern(pattern, flags), *arguments, **keywords)

        call.__name__ = name
        call.__doc__ = plain.__doc__
        return call

    for name in _ON_LAZY:
        setattr(re, name, function(name))
    re.compile = compile
