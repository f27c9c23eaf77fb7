"""What look-ups on the host give back: stretches of documents that print in one line and can be cited."""

SHOWN_CHARACTERS = 160


class Span:
    """A stretch of a document. `id` is what to cite and what read() takes."""

    def __init__(self, document_id, start, end, text, line=None, path=None, score=None):
        self.document = document_id
        self.start = start
        self.end = end
        self.text = text
        self.line = line
        self.path = path
        self.score = score

    @property
    def id(self):
        return f"{self.document}:{self.start}-{self.end}"

    span = id

    def __repr__(self):
        place = f" {self.path}" if self.path else ""
        if self.line is not None:
            place += f":{self.line}" if place else f" line {self.line}"
        return f"[{self.id}]{place} {_one_line(self._shown())}"

    __str__ = __repr__

    def _shown(self):
        return self.text

    def __len__(self):
        return len(self.text)

    def __contains__(self, part):
        return part in self.text

    def __eq__(self, other):
        return isinstance(other, Span) and self.id == other.id

    def __hash__(self):
        return hash(self.id)


class Match(Span):
    """One match of grep(). `text` is what matched, `line_text` the line around it."""

    line_text = ""

    def _shown(self):
        return self.line_text or self.text

    def group(self, index=0):
        if index:
            raise IndexError("grep() gives whole matches; use re on .line_text for groups")
        return self.text


class Found(list):
    """A list of spans, printed one a line."""

    def __repr__(self):
        return "\n".join([self._header(), *map(repr, self)])

    __str__ = __repr__

    def _header(self):
        return f"{len(self)} passage{'' if len(self) == 1 else 's'}, best first"


class Matches(Found):
    """One page of grep(): `total` counts all matches in the corpus, `next` is the offset of the next page or None."""

    total = 0
    documents = 0
    next = None

    def _header(self):
        if not self.total:
            return "no match"
        more = f"; the next page: offset={self.next}" if self.next is not None else ""
        shown = f"{len(self):,} of {self.total:,} matches" if len(self) != self.total else f"{self.total:,} matches"
        return f"{shown} in {self.documents:,} document{'' if self.documents == 1 else 's'}{more}"


def _one_line(text):
    text = " ".join(str(text[: 4 * SHOWN_CHARACTERS]).split())
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
