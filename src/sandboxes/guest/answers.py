"""What host calls give back: answers, failures that can't pass for answers, and answers still on their way."""

from .texts import StrType, shown_as_str

BUDGET_CODES = frozenset(("budget", "cost", "tokens", "calls", "time", "depth", "iterations"))


class HostError(RuntimeError):
    """A call to the host failed. `code` says how, for instance "timeout" or "rate_limited"."""

    def __init__(self, message, code="failed"):
        super().__init__(message)
        self.code = code


class BudgetReached(HostError):
    """A limit of the run was reached. Finish with what you have."""


HostError.__module__ = BudgetReached.__module__ = "builtins"


def error_of(record):
    """The exception for a failed call, from what the host sent of it."""
    code = str(record.get("code") or "failed")
    message = str(record.get("message") or "the host call failed")
    is_budget = record.get("type") == "budget" or code in BUDGET_CODES
    return (BudgetReached if is_budget else HostError)(message, code)


@shown_as_str
class Answer(str, metaclass=StrType):
    """A model's answer: a str. `citations` holds the span ids it rests on, where the host named any."""

    citations = ()

    def __await__(self):
        return self
        yield

    def __reduce__(self):
        return (str, (str.__str__(self),))


class FailureUsed(TypeError, AttributeError):
    """A failed item of a batch was used as if it were an answer."""


FailureUsed.__name__ = FailureUsed.__qualname__ = "TypeError"
FailureUsed.__module__ = "builtins"


class Failure:
    """An item of a batch that failed: falsy, equal to no text, prints as its error. Test with `if answer:`."""

    __slots__ = ("code", "message")

    def __init__(self, code, message):
        self.code = str(code)
        self.message = str(message)

    def __bool__(self):
        return False

    def __repr__(self):
        return f"<failed: {self.code}: {self.message}>"

    __str__ = __repr__

    def __format__(self, spec):
        return format(repr(self), spec)

    def __eq__(self, other):
        return isinstance(other, Failure) and (self.code, self.message) == (other.code, other.message)

    def __hash__(self):
        return hash((self.code, self.message))

    def __contains__(self, _item):
        return False

    def _used(self, how):
        raise FailureUsed(f"{how} was used on a sub-call that failed: {self!r}. Check `if answer:` first.")

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self._used("." + name)

    def __getitem__(self, _key):
        self._used("[...]")

    def __iter__(self):
        self._used("iteration")

    def __len__(self):
        self._used("len()")

    def __add__(self, _other):
        self._used("+")

    __radd__ = __add__

    def __mod__(self, _other):
        self._used("%")

    def __int__(self):
        self._used("int()")

    def __float__(self):
        self._used("float()")

    def __lt__(self, _other):
        self._used("comparison")

    __gt__ = __le__ = __ge__ = __lt__

    def __reduce__(self):
        return (Failure, (self.code, self.message))


class Resolving:
    """An answer on its way. It can be awaited; used in any other way, it first waits until it is there."""

    def _value(self):
        raise NotImplementedError

    def __str__(self):
        return str(self._value())

    def __repr__(self):
        return repr(self._value())

    def __format__(self, spec):
        return format(self._value(), spec)

    def __len__(self):
        return len(self._value())

    def __bool__(self):
        return bool(self._value())

    def __getitem__(self, key):
        return self._value()[key]

    def __contains__(self, item):
        return item in self._value()

    def __iter__(self):
        return iter(self._value())

    def __add__(self, other):
        return self._value() + other

    def __radd__(self, other):
        return other + self._value()

    def __mod__(self, other):
        return self._value() % other

    def __int__(self):
        return int(self._value())

    def __float__(self):
        return float(self._value())

    # Two of them are compared as objects: the event loop keeps them in sets and must not wait for that.
    def __eq__(self, other):
        return self is other if isinstance(other, Resolving) else self._value() == other

    def __hash__(self):
        return object.__hash__(self)

    def __lt__(self, other):
        return self._value() < other

    def __gt__(self, other):
        return self._value() > other

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._value(), name)


class Pending(Resolving):
    """An answer on its way where no event loop is loaded."""

    def __init__(self, calls, call, convert):
        self._calls = calls
        self._call = call
        self._convert = convert

    def _value(self):
        if self._convert is not None:
            result = self._calls.wait(self._call)
            self._settled = self._convert(result)
            self._convert = None
        return self._settled

    def __await__(self):
        return self._value()
        yield


def resolved(value):
    """A value with answers on their way replaced by the answers: itself, or one level into a container."""
    if isinstance(value, Resolving):
        return value._value()
    if type(value) is list:
        if any(isinstance(item, Resolving) for item in value):
            value[:] = [resolved(item) for item in value]
    elif type(value) is tuple:
        if any(isinstance(item, Resolving) for item in value):
            return tuple(resolved(item) for item in value)
    elif type(value) is dict:
        for key, item in list(value.items()):
            if isinstance(item, Resolving):
                value[key] = item._value()
    return value
