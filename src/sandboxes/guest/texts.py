"""Text that knows where in the corpus it comes from, and otherwise is a str in every way code can ask."""

PIECE_CHARACTERS = 1 << 20


class StrType(type):
    """The type of our kinds of str. It shows itself and compares as `str`, because cells test `type(x) == str`."""

    def __repr__(cls):
        return "<class 'str'>"

    def __eq__(cls, other):
        return other is str or isinstance(other, StrType)

    def __ne__(cls, other):
        return not cls == other

    def __hash__(cls):
        return hash(str)


def shown_as_str(cls):
    cls.__name__ = cls.__qualname__ = "str"
    cls.__module__ = "builtins"
    return cls


class Document:
    """What is known of a document besides its text."""

    __slots__ = ("id", "path", "title", "metadata", "start", "characters")

    def __init__(self, record):
        self.id = record["id"]
        self.path = record.get("path")
        self.title = record.get("title")
        self.metadata = record.get("metadata") or {}
        self.start = record.get("start", 0)
        self.characters = record.get("characters")


def _by_pieces(change):
    """A change of case that takes large texts in pieces: done at once, it needs twelve bytes more for each character."""

    def method(self):
        if len(self) <= PIECE_CHARACTERS or self.isascii():
            return change(self)
        return "".join(map(change, _pieces(str.__str__(self))))

    method.__name__ = change.__name__
    method.__doc__ = change.__doc__
    return method


def _pieces(text):
    """The text cut at blanks: within a word, a letter's case may depend on its neighbours."""
    start = 0
    while start < len(text):
        end = start + PIECE_CHARACTERS
        ends = [found for found in (text.find(" ", end), text.find("\n", end)) if found >= 0]
        end = min(ends, default=len(text))
        yield text[start:end]
        start = end


@shown_as_str
class Text(str, metaclass=StrType):
    """A stretch of a document. Slices of it know their place too; whatever else is made of it is a plain str."""

    __slots__ = ("_document", "start")

    def __new__(cls, text, document, start):
        self = str.__new__(cls, text)
        self._document = document
        self.start = start
        return self

    @property
    def id(self):
        return self._document.id

    @property
    def path(self):
        return self._document.path

    @property
    def title(self):
        return self._document.title

    @property
    def metadata(self):
        return self._document.metadata

    @property
    def end(self):
        return self.start + len(self)

    @property
    def span(self):
        """The id of this stretch, for citing and for read()."""
        return f"{self._document.id}:{self.start}-{self.start + len(self)}"

    def __getitem__(self, key):
        piece = str.__getitem__(self, key)
        if type(key) is slice and (key.step is None or key.step == 1):
            return Text(piece, self._document, self.start + key.indices(len(self))[0])
        return piece

    lower = _by_pieces(str.lower)
    upper = _by_pieces(str.upper)
    casefold = _by_pieces(str.casefold)

    def __reduce__(self):
        return (str, (str.__str__(self),))

    def __copy__(self):
        return self

    def __deepcopy__(self, _memo):
        return self
