"""The functions that cells call. Each turns Python values into one host call, and its reply into Python values."""

import builtins
import contextlib
import difflib
import json
import re
import types

from .answers import Answer, BudgetReached, Failure, HostError, Pending, Resolving, error_of, resolved
from .frames import check_size
from .spans import Found, Match, Matches, Span
from .texts import Text

# Rebinding one of these is undone after the cell. The others (search, grep, read, budget, answer) are names that
# people give to their own variables, so a cell's own value is kept and only a deleted one comes back.
RESTORED = (
    "llm_query",
    "llm_query_batched",
    "rlm_query",
    "rlm_query_batched",
    "llm_map",
    "FINAL",
    "FINAL_VAR",
    "SHOW_VARS",
)
SPAN_ID = re.compile(r"^(d\d+):(\d+)-(\d+)$")
PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
SCHEMA_KEYS = frozenset(("type", "properties", "$ref", "anyOf", "oneOf", "allOf", "enum", "items", "$schema"))
SCHEMA_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}


class Interface:
    """Holds what the functions need: the calls, the corpus and the answer. `names` is what goes into the namespace."""

    def __init__(self, calls, namespace):
        self._calls = calls
        self._namespace = namespace
        self._texts = {}
        self._paths = {}
        self._no_wait = 0
        self.pending_future = None
        self.asynchronous = lambda: False
        self.final = None
        self.names = {}

    # What the session sets up

    def install(self, texts, tools):
        """Puts the functions, the answer and the tools into the namespace."""
        for text in texts:
            self._texts.setdefault(text.id, []).append(text)
            if text.path is not None:
                self._paths.setdefault(text.path, text)
        functions = [
            self.llm_query,
            self.llm_query_batched,
            self.rlm_query,
            self.rlm_query_batched,
            self.llm_map,
            self.search,
            self.grep,
            self.read,
            self.budget,
            self.history,
            self.SHOW_VARS,
            self.FINAL,
            self.FINAL_VAR,
        ]
        self.names = {function.__name__: _Function(function) for function in functions}
        self.names |= {tool["name"]: _Function(self._tool(tool)) for tool in tools}
        for kind in (HostError, BudgetReached, Failure):
            self.names[kind.__name__] = kind
        self._restored = set(RESTORED) | {tool["name"] for tool in tools}
        self.names["answer"] = {"content": "", "ready": False}
        self._namespace.update(self.names)

    def restore(self):
        """Puts back what a cell took from the namespace."""
        for name, value in self.names.items():
            if name not in self._namespace or (name in self._restored and self._namespace[name] is not value):
                self._namespace[name] = {"content": "", "ready": False} if name == "answer" else value

    def begin_cell(self):
        self.final = None
        self._no_wait = 0

    def finish(self):
        """What ended the run in this cell: (final, whether an empty answer was declared ready)."""
        answer = self._namespace.get("answer")
        if not isinstance(answer, dict) or not answer.get("ready"):
            return self.final, False
        content = resolved(answer.get("content", ""))
        # Taken back, so that the next cell doesn't report it a second time should the run go on.
        answer["ready"] = False
        if content is None or isinstance(content, str) and not content.strip():
            return self.final, self.final is None
        return final_record("answer", content), False

    @contextlib.contextmanager
    def without_waiting(self):
        """Inside, calls return answers on their way."""
        self._no_wait += 1
        try:
            yield
        finally:
            self._no_wait -= 1

    def _dispatch(self, name, arguments, convert):
        if self.asynchronous():
            return self.pending_future(self._calls.start(name, arguments), convert)
        if self._no_wait:
            return Pending(self._calls, self._calls.start(name, arguments), convert)
        return convert(self._calls.ask(name, arguments))

    # Models

    def llm_query(self, prompt, context=None, schema=None, model=None):
        """Asks the sub-model one question and returns its answer as a str.

        context: more text, put below the prompt. schema: a JSON Schema; the answer is then the parsed value.
        Works with and without await. A call that fails raises HostError, at a limit of the run BudgetReached.
        For several prompts, llm_query_batched is much faster.
        """
        if schema is None and isinstance(context, dict) and SCHEMA_KEYS & set(context):
            context, schema = None, context
        item = query_item(prompt, context, schema, model)
        return self._dispatch("llm_query", {"items": [item]}, single_result)

    def llm_query_batched(self, prompts, schema=None, model=None):
        """Asks the sub-model all prompts at once and returns the answers in the same order.

        An item that failed is a Failure: falsy, prints as its error, equal to no text. The others are unharmed.
        """
        items = [query_item(prompt, None, schema, model) for prompt in _several(prompts, "prompts")]
        if not items:
            return []
        return self._dispatch("llm_query", {"items": items}, _all_results(len(items)))

    def rlm_query(self, prompt, context=None):
        """Gives a question to a child run that has its own REPL, and returns its answer as a str.

        context: a text or a list of texts that the child gets as its `context`; without it, the child gets the
        prompt alone. Slices of `context` travel as references, so they may be large.
        """
        return self._dispatch("rlm_query", {"items": [child_item(prompt, context)]}, single_result)

    def rlm_query_batched(self, prompts, contexts=None):
        """Runs several children in parallel and returns their answers in the same order; see rlm_query."""
        prompts = _several(prompts, "prompts")
        contexts = [None] * len(prompts) if contexts is None else _several(contexts, "contexts")
        if len(contexts) != len(prompts):
            raise ValueError(f"Expected as many contexts as prompts, got {len(contexts)} and {len(prompts)}.")
        items = [child_item(prompt, context) for prompt, context in zip(prompts, contexts)]
        if not items:
            return []
        return self._dispatch("rlm_query", {"items": items}, _all_results(len(items)))

    def llm_map(self, items, prompt, schema=None):
        """Asks one question about each item, all at once, and returns the answers in the same order.

        prompt: a template; {{item}} stands for the item, {{name}} for a field of a dict. Without a placeholder the
        item is put below the prompt. It may also be a function from the item to the prompt.
        """
        return self.llm_query_batched([fill(prompt, item) for item in items], schema)

    # The corpus

    def search(self, query, limit=10, documents=None):
        """Ranked search over the whole corpus, done by the host. Returns a list of spans, best first.

        Each has .id (cite it, or pass it to read), .path, .line, .text and .score. documents: only in these, given
        by path, by id or as items of `context`.
        """
        arguments = {"query": text_of(query, "query"), "limit": _whole(limit, "limit")}
        if documents is not None:
            arguments["documents"] = self._document_ids(documents)
        return self._dispatch("search", arguments, self._found)

    def grep(self, pattern, ignore_case=False, limit=100, literal=False, offset=0, documents=None):
        """Regular-expression search over the whole corpus, done by the host: fast at any size.

        Returns one page of matches as a list, each with .id, .path, .line, .text and .line_text. The list has
        .total (all matches in the corpus), .documents (how many documents have one) and .next (offset of the next
        page or None). documents: only in these, given by path, by id or as items of `context`.
        """
        if isinstance(pattern, re.Pattern):
            ignore_case = ignore_case or bool(pattern.flags & re.IGNORECASE)
            pattern = pattern.pattern
        arguments = {
            "pattern": text_of(pattern, "pattern"),
            "ignore_case": bool(ignore_case),
            "literal": bool(literal),
            "limit": _whole(limit, "limit"),
            "offset": _whole(offset, "offset"),
        }
        if documents is not None:
            arguments["documents"] = self._document_ids(documents)
        return self._dispatch("grep", arguments, self._matches)

    def read(self, source, start=None, end=None):
        """The text of a span ("d1:120-180", or a result of search or grep) or of a document (its path or id).

        start and end are characters within the document. The text knows its own place: .span, .path, .start.
        """
        if isinstance(source, Span):
            source = source.id
        parsed = SPAN_ID.match(source) if isinstance(source, str) else None
        if parsed:
            source, first, last = parsed[1], int(parsed[2]), int(parsed[3])
            start, end = first if start is None else start, last if end is None else end
        text = self._held(source, start)
        local_start = None if start is None else max(0, _whole(start, "start") - text.start)
        local_end = None if end is None else max(0, _whole(end, "end") - text.start)
        return text[local_start:local_end]

    def _document_ids(self, documents):
        sources = [documents] if isinstance(documents, (str, Span)) else list(documents)
        return list(dict.fromkeys(s.document if isinstance(s, Span) else self._held(s, None).id for s in sources))

    def _held(self, source, start):
        """The text of `context` that a path or a document id names."""
        if isinstance(source, Text) or (hasattr(source, "span") and hasattr(source, "start")):
            return source
        if not isinstance(source, str):
            raise TypeError(f"Expected a span id, a path or a document id, got {_kind(source)}.")
        found = self._texts.get(source)
        if found:
            inside = (text for text in found if start is None or text.start <= start <= text.end)
            return next(inside, found[0])
        if source in self._paths:
            return self._paths[source]
        ends = [path for path in self._paths if path.endswith("/" + source)]
        if len(ends) == 1:
            return self._paths[ends[0]]
        names = list(self._paths) + list(self._texts)
        near = difflib.get_close_matches(source, names, 3) if len(names) < 20_000 else []
        hint = f" Did you mean {', '.join(map(repr, near))}?" if near else ""
        raise KeyError(f"No document {source!r} in the corpus.{hint}")

    def _found(self, reply):
        spans = reply.get("spans", []) if isinstance(reply, dict) else reply
        return Found(self._span(Span, record) for record in spans)

    def _matches(self, reply):
        found = Matches()
        for record in reply["matches"]:
            match = self._span(Match, record)
            match.line_text = record.get("line_text", "")
            found.append(match)
        found.total = reply.get("total", len(found))
        found.documents = reply.get("documents", 0)
        found.next = reply.get("next")
        return found

    def _span(self, kind, record):
        document, start, text = record["document"], record["start"], record.get("text", "")
        texts = self._texts.get(document)
        if texts:
            text = Text(text, texts[0]._document, start)
        return kind(document, start, record["end"], text, record.get("line"), record.get("path"), record.get("score"))

    # The run

    def budget(self):
        """What is left of the run's limits, as a dict."""
        return self._dispatch("budget", {}, lambda reply: reply)

    def history(self, turn):
        """An earlier turn of this run in full: what you wrote and what came of it. Turns count from 1."""
        return self._dispatch("history", {"turn": _whole(turn, "turn")}, lambda reply: Shown(reply["text"]))

    def SHOW_VARS(self):
        """Your variables with their types and sizes."""
        lines = []
        for name in self.variables():
            value = self._namespace[name]
            try:
                size = f", {len(value):,} {'characters' if isinstance(value, str) else 'items'}"
            except Exception:  # what has no length is shown without
                size = ""
            lines.append(f"{name}: {_kind(value)}{size}")
        return Shown("\n".join(lines) or "No variables yet besides `context` and `answer`.")

    def variables(self):
        """Names that cells have defined."""
        own = self.names
        return [
            name
            for name, value in list(self._namespace.items())
            if isinstance(name, str)
            and not name.startswith("_")
            and name != "context"
            and (name not in own or (value is not own[name] and name != "answer"))
        ]

    def FINAL(self, value):
        """Records the final answer. The run ends after this cell; the last answer given holds."""
        self.final = final_record("FINAL", value)

    def FINAL_VAR(self, name):
        """Records the variable with this name (or the value itself) as the final answer."""
        value = name
        if isinstance(name, str):
            bare = name.strip().strip("\"'")
            if bare in self._namespace and not bare.startswith("__"):
                value = self._namespace[bare]
            elif isinstance(name, (Text, Answer)) or not bare.isidentifier():
                value = name
            else:
                raise NameError(self._no_variable(bare))
        self.final = final_record("FINAL_VAR", value)

    def _no_variable(self, name):
        names = self.variables()
        near = difflib.get_close_matches(name, names, 1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        known = ", ".join(names[:40]) or "none yet"
        return f"FINAL_VAR: no variable {name!r}.{hint} Variables: {known}. Assign it first, or use FINAL(value)."

    def _tool(self, tool):
        name = tool["name"]

        def call(*args, **kwargs):
            return self._dispatch(name, {"args": list(args), "kwargs": kwargs}, lambda reply: reply)

        call.__name__ = call.__qualname__ = name
        call.__doc__ = tool.get("description") or None
        return call


class Shown(str):
    """A str that echoes as it prints."""

    def __repr__(self):
        return str(self)


def _Function(method):
    """A plain function for a bound method: what help() and repr() then show is the function itself."""
    if isinstance(method, types.FunctionType):
        return method

    def call(*args, **kwargs):
        return method(*args, **kwargs)

    call.__name__ = call.__qualname__ = method.__name__
    call.__doc__ = method.__doc__
    call.__module__ = "builtins"
    call.__wrapped__ = method
    return call


def query_item(prompt, context, schema, model):
    text = text_of(prompt, "prompt")
    if context is not None:
        text = f"{text}\n\n{text_of(context, 'context')}"
    item = {"prompt": text}
    if schema is not None:
        item["schema"] = _schema(schema)
    if model is not None:
        item["model"] = str(model)
    return item


def child_item(prompt, context):
    item = {"prompt": text_of(prompt, "prompt")}
    if context is None:
        return item
    if isinstance(context, (list, tuple)) and not _is_messages(context):
        item["context"] = [_part(part) for part in context]
    else:
        item["context"] = [_part(context)]
    return item


def _part(value):
    """A text for a child: a reference where it is a stretch of the corpus, else the text itself."""
    value = resolved(value)
    if isinstance(value, Span):
        return {"id": value.document, "start": value.start, "end": value.end}
    if hasattr(type(value), "span") and hasattr(value, "start"):
        return {"id": value.id, "start": value.start, "end": value.end}
    return {"text": text_of(value, "context")}


def text_of(value, what):
    """The text of a prompt, however it was given."""
    value = resolved(value)
    if isinstance(value, str):
        # Checked before it is encoded: an encoder would first make a copy several times as large.
        check_size(len(value))
        return str(value)
    if isinstance(value, Span):
        return str(value.text)
    if isinstance(value, Failure):
        raise TypeError(f"Expected {what} to be text, got a sub-call that failed: {value!r}.")
    if isinstance(value, dict) and isinstance(value.get("content"), str):
        return value["content"]
    if _is_messages(value):
        if len(value) == 1:
            return value[0]["content"]
        return "\n\n".join(f"{message.get('role', 'user')}: {message['content']}" for message in value)
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, (str, Span)) for item in value):
        return "\n".join(text_of(item, what) for item in value)
    if isinstance(value, (dict, list, tuple, int, float)) and not isinstance(value, bool) and value != []:
        return json.dumps(value, ensure_ascii=False, default=str)
    raise TypeError(f"Expected {what} to be text, got {_kind(value)}.")


def _is_messages(value):
    return (
        isinstance(value, (list, tuple))
        and len(value) > 0
        and all(isinstance(item, dict) and isinstance(item.get("content"), str) for item in value)
    )


def fill(prompt, item):
    item = resolved(item)
    if callable(prompt):
        return prompt(item)
    template = text_of(prompt, "prompt")
    if not PLACEHOLDER.search(template):
        return f"{template}\n\n{_item_text(item)}"

    def value(match):
        name = match[1]
        if isinstance(item, dict) and name in item:
            return _item_text(item[name])
        if name in ("item", "text"):
            return _item_text(item)
        fields = f"fields {', '.join(map(str, item))}" if isinstance(item, dict) else _kind(item)
        raise KeyError(f"{{{{{name}}}}} is in the prompt but not in the item ({fields}). Use {{{{item}}}} for the whole.")

    return PLACEHOLDER.sub(value, template)


def _item_text(item):
    return item if isinstance(item, str) else text_of(item, "item") if not isinstance(item, bool) else str(item)


def single_result(reply):
    result = _one_result(_results(reply, 1)[0])
    if isinstance(result, Failure):
        raise error_of({"code": result.code, "message": result.message})
    return result


def _all_results(count):
    return lambda reply: [_one_result(result) for result in _results(reply, count)]


def _results(reply, count):
    results = reply.get("results") if isinstance(reply, dict) else None
    if not isinstance(results, list) or len(results) != count:
        raise HostError(f"the host answered with something else than {count} results")
    return results


def _one_result(result):
    if not result.get("ok"):
        return Failure(result.get("code", "failed"), result.get("message", "failed"))
    if "value" in result:
        return result["value"]
    answer = Answer(result.get("text", ""))
    if result.get("citations"):
        answer.citations = result["citations"]
    return answer


def final_record(via, value):
    """The final answer for the host. A text stays as it is; what is JSON is sent as that too."""
    value = resolved(value)
    if isinstance(value, Failure):
        raise TypeError(f"The final answer is a sub-call that failed: {value!r}.")
    if isinstance(value, str):
        return {"via": via, "text": str(value)}
    if isinstance(value, Found):
        return {"via": via, "text": str(value)}
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return {"via": via, "text": str(value)}
    return {"via": via, "text": text, "json": True}


def _schema(schema):
    if isinstance(schema, type) and schema in SCHEMA_TYPES:
        return {"type": SCHEMA_TYPES[schema]}
    if isinstance(schema, str):
        schema = json.loads(schema)
    if not isinstance(schema, dict):
        raise TypeError(f"Expected schema to be a JSON Schema as a dict, got {_kind(schema)}.")
    return schema


def _several(values, what):
    values = resolved(values)
    if isinstance(values, (str, dict)) or not hasattr(type(values), "__iter__"):
        raise TypeError(f"Expected {what} to be a list, got {_kind(values)}.")
    return list(values)


def _whole(value, what):
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"Expected {what} to be a whole number from 0, got {value!r}.")
    return int(value)


def _kind(value):
    return "None" if value is None else builtins.type(value).__name__
