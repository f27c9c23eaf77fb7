"""What llm_map gives back: a list of answers that prints as a summary, and can be counted, ranked, joined and queried."""

import builtins
import json

from .answers import Failure, resolved

# A list up to this long prints as a list does; a longer one would only fill the output.
SHOWN_WHOLE = 20
SHOWN_CHARACTERS = 120


class Results(list):
    """Answers in the order of the items. Index it, iterate it, or ask it: .failed, .count_by(field), .top(field),
    .join(other), .sql("select … from results").

    It prints as a summary where it is long; list(results) prints all of it. `field` is a field of the answers, and
    left out where the answers are no dicts.
    """

    def __init__(self, answers, host=None):
        super().__init__(answers)
        self._host = host

    @property
    def failed(self):
        """The places of items that have no answer."""
        return [index for index, answer in enumerate(self) if isinstance(answer, Failure)]

    def count_by(self, field=None):
        """How often each value occurs, as a dict, most often first. Failures are left out."""
        counts = {}
        for _, value in self._values(field):
            counts[value] = counts.get(value, 0) + 1
        return dict(sorted(counts.items(), key=lambda entry: (-entry[1], str(entry[0]))))

    def top(self, field=None, count=10):
        """The highest values: a list of (place, answer), the highest first, of equal ones the earlier."""
        valued = [(index, value) for index, value in self._values(field) if value is not None]
        try:
            ranked = sorted(valued, key=lambda entry: entry[1], reverse=True)
        except TypeError:
            ranked = sorted(valued, key=lambda entry: str(entry[1]), reverse=True)
        return [(index, self[index]) for index, _ in ranked[:count]]

    def join(self, other, on=None):
        """A list of dicts with the fields of both, the other's as other_name: of the same items, or where `on` is equal."""
        if on is None:
            if len(other) != len(self):
                raise ValueError(f"Both must be of the same items, got {len(self)} and {len(other)}; or name a field: on=.")
            pairs = zip(range(len(self)), self, other)
        else:
            partners = {}
            for answer in other:
                if isinstance(answer, dict) and answer.get(on) is not None:
                    partners.setdefault(_hashable(answer[on]), []).append(answer)
            pairs = (
                (index, answer, partner)
                for index, answer in enumerate(self)
                if isinstance(answer, dict)
                for partner in partners.get(_hashable(answer.get(on)), ())
            )
        return [
            {"index": index, **_fields(one), **{f"other_{name}": value for name, value in _fields(two).items()}}
            for index, one, two in pairs
            if not isinstance(one, Failure) and not isinstance(two, Failure)
        ]

    def sql(self, query, **others):
        """Rows of a select as dicts, done by the host. Tables: results (position from 1, result, each field of an
        answer), failures (position, code, message), items (position, item, each field of an item); other results
        given by name are tables <name>, <name>_failures and <name>_items.
        """
        maps = {"results": self, **others}
        unknown = [name for name, results in maps.items() if getattr(results, "_host", None) is None]
        if unknown:
            raise TypeError(f"The host knows nothing of {', '.join(unknown)}: only what llm_map returned can be queried.")
        return self._host.query(query, {name: results._host.tell() for name, results in others.items()})

    def _values(self, field):
        for index, answer in enumerate(self):
            if isinstance(answer, Failure):
                continue
            if field is None:
                if isinstance(answer, dict):
                    raise TypeError(f"Name one of the fields of these answers: {', '.join(map(str, answer))}.")
                yield index, _hashable(answer)
            elif isinstance(answer, dict):
                yield index, _hashable(answer.get(field))
            else:
                raise TypeError(f"These answers have no fields; leave out {field!r}.")

    def __repr__(self):
        if len(self) <= SHOWN_WHOLE:
            return super().__repr__()
        sample = ", ".join(f"[{index}] {_short(self[index])}" for index in (0, 1))
        failed = f", {len(self.failed):,} failed" if self.failed else ""
        return f"<{len(self):,} results{failed}: {sample}, …; .count_by(field) .top(field) .sql(query)>"

    __str__ = __repr__

    def __format__(self, spec):
        # In a text that is put together, for instance a final answer, a summary would stand for what was left out.
        return format(super().__repr__(), spec)

    def __reduce__(self):
        return (list, (list(self),))


class OnHost:
    """A map that the host knows by a name. Its items are told there once a query is made."""

    def __init__(self, name, items, ask, dispatch):
        self._name = name
        self._items = items
        self._ask = ask
        self._dispatch = dispatch

    def tell(self):
        if self._items is not None:
            try:
                self._ask("llm_map_items", {"id": self._name, "items": [plain(item) for item in self._items]})
            except ValueError:
                # Too large for one message: a query that names a field of the items is told that there is none.
                pass
            self._items = None
        return self._name

    def query(self, query, others):
        arguments = {"id": self.tell(), "query": str(query), "others": others}
        return self._dispatch("llm_map_sql", arguments, lambda reply: reply["rows"])


def plain(value):
    """A value as JSON has it: texts of the corpus as texts, what JSON does not have as text."""
    value = resolved(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dict):
        return {str(name): plain(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(member) for member in value]
    return str(value)


def _fields(answer):
    return answer if isinstance(answer, dict) else {"result": answer}


def _hashable(value):
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value) if isinstance(value, str) else value


def _short(value):
    text = builtins.repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
