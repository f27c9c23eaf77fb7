"""Runs one cell in the namespace: parsing, top-level await, the echo of a last expression, tracebacks for a model."""

import ast
import linecache

SHOWN_VALUE_CHARACTERS = 256 * 1024
SHOWN_ERROR_CHARACTERS = 16 * 1024
COROUTINE_FLAG = 0x80  # inspect.CO_COROUTINE; importing inspect would cost more than the whole of this module


class Cell:
    """One cell: its code and the name under which tracebacks show it."""

    def __init__(self, code, number):
        self.code = code
        self.name = f"cell {number}"
        # An entry without a time of change is never checked against the disk.
        linecache.cache[self.name] = (len(code), None, code.splitlines(keepends=True), self.name)

    def run(self, namespace, run_coroutine):
        """Executes the cell and returns the shown form of its last bare expression, or None.

        With `run_coroutine` the whole cell runs inside the event loop, as in a notebook.
        """
        tree = compile(self.code, self.name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        # Both parts are compiled before either runs: a cell that can't be compiled does nothing.
        parts = [self._compile(tree, "exec")] if tree.body else []
        if last is not None:
            parts.append(self._compile(ast.Expression(last.value), "eval"))
        if run_coroutine:
            value = run_coroutine(_inside_loop(parts, namespace))
        else:
            value = None
            for part in parts:
                value = eval(part, namespace)
        if last is None or value is None or self.code.rstrip().endswith(";"):
            return None
        namespace["_"] = value
        return shown(value)

    def _compile(self, tree, mode):
        return compile(tree, self.name, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True)


async def _inside_loop(parts, namespace):
    value = None
    for part in parts:
        value = eval(part, namespace)
        if part.co_flags & COROUTINE_FLAG:
            value = await value
    return value


def shown(value):
    """repr of a value, without making one of a text of hundreds of megabytes."""
    if isinstance(value, str) and len(value) > 2 * SHOWN_VALUE_CHARACTERS:
        value = str(value[:SHOWN_VALUE_CHARACTERS])
        return f"{value!r} … ({len(value):,} characters in all)"
    return cut(repr(value), SHOWN_VALUE_CHARACTERS)


def cut(text, limit):
    if len(text) <= limit:
        return text
    return f"{text[: limit * 3 // 4]}\n… ({len(text):,} characters in all) …\n{text[-(limit // 4) :]}"


def describe(error):
    """What the host is told of an exception: type, message and a traceback of lines in cells."""
    kind = type(error).__name__
    try:
        message = str(error)
    except BaseException:
        message = "(its text cannot be made)"
    try:
        text = _traceback(error)
    except BaseException as failure:  # the exception's own methods may raise anything
        text = f"{kind}: {message}\n(no traceback: {type(failure).__name__})"
    return {
        "type": kind,
        "message": cut(message, SHOWN_ERROR_CHARACTERS),
        "traceback": cut(text, 2 * SHOWN_ERROR_CHARACTERS),
    }


def _traceback(error):
    import traceback

    told = traceback.TracebackException.from_exception(error, compact=True)
    _only_cells(told, traceback)
    return "".join(told.format()).rstrip("\n")


def _only_cells(told, traceback):
    """Leaves out the frames of this program and of the library, in the exception and in those behind it."""
    frames = [frame for frame in told.stack if frame.filename.startswith("cell ")]
    told.stack = traceback.StackSummary.from_list(frames)
    for other in (told.__cause__, told.__context__, *(getattr(told, "exceptions", None) or ())):
        if other is not None:
            _only_cells(other, traceback)
