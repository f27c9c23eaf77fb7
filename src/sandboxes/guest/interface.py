"""The functions that cells call. Each turns Python values into one host call, and its reply into Python values."""

import contextlib
import difflib
import re
import types

from .answers import Answer, BudgetReached, Failure, HostError, Pending, resolved
from .requests import (
    all_results,
    child_item,
    fill,
    final_record,
    json_schema,
    kind_of,
    query_item,
    several,
    single_result,
    text_of,
    whole_number,
)
from .results import OnHost, Results
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
SCHEMA_KEYS = frozenset(("type", "properties", "$ref", "anyOf", "oneOf", "allOf", "enum", "items", "$schema"))


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
        items = [query_item(prompt, None, schema, model) for prompt in several(prompts, "prompts")]
        if not items:
            return []
        return self._dispatch("llm_query", {"items": items}, all_results(len(items)))

    def rlm_query(self, prompt, context=None):
        """Gives a question to a child run that has its own REPL, and returns its answer as a str.

        context: a text or a list of texts that the child gets as its `context`; without it, the child gets the
        prompt alone. Slices of `context` travel as references, so they may be large.
        """
        return self._dispatch("rlm_query", {"items": [child_item(prompt, context)]}, single_result)

    def rlm_query_batched(self, prompts, contexts=None):
        """Runs several children in parallel and returns their answers in the same order; see rlm_query."""
        prompts = several(prompts, "prompts")
        contexts = [None] * len(prompts) if contexts is None else several(contexts, "contexts")
        if len(contexts) != len(prompts):
            raise ValueError(f"Expected as many contexts as prompts, got {len(contexts)} and {len(prompts)}.")
        items = [child_item(prompt, context) for prompt, context in zip(prompts, contexts)]
        if not items:
            return []
        return self._dispatch("rlm_query", {"items": items}, all_results(len(items)))

    def llm_map(self, items, prompt, schema=None):
        """Asks one question about each item, all at once, equal ones once, and returns the answers in the same order.

        prompt: a template; {{item}} stands for the item, {{name}} for a field of a dict. Without a placeholder the
        item is put below the prompt. It may also be a function from the item to the prompt.
        The answers are a list that prints as a summary: .failed, .count_by(field), .top(field), .join(other),
        .sql("select label, count(*) from results group by 1").
        """
        items = several(items, "items")
        if not items:
            return Results([])
        arguments = {"items": [{"prompt": fill(prompt, item)} for item in items]}
        if schema is not None:
            arguments["schema"] = json_schema(schema)
        answers = all_results(len(items))
        return self._dispatch("llm_map", arguments, lambda reply: Results(answers(reply), self._on_host(reply, items)))

    def _on_host(self, reply, items):
        name = reply.get("id")
        return None if name is None else OnHost(name, items, self._calls.ask, self._dispatch)

    # The corpus

    def search(self, query, limit=10, documents=None):
        """Ranked search over the whole corpus, done by the host. Returns a list of spans, best first.

        Each has .id (cite it, or pass it to read), .path, .line, .text and .score. documents: only in these, given
        by path, by id or as items of `context`.
        """
        arguments = {"query": text_of(query, "query"), "limit": whole_number(limit, "limit")}
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
            "limit": whole_number(limit, "limit"),
            "offset": whole_number(offset, "offset"),
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
        local_start = None if start is None else max(0, whole_number(start, "start") - text.start)
        local_end = None if end is None else max(0, whole_number(end, "end") - text.start)
        return text[local_start:local_end]

    def _document_ids(self, documents):
        sources = [documents] if isinstance(documents, (str, Span)) else list(documents)
        return list(dict.fromkeys(s.document if isinstance(s, Span) else self._held(s, None).id for s in sources))

    def _held(self, source, start):
        """The text of `context` that a path or a document id names."""
        if isinstance(source, Text) or (hasattr(source, "span") and hasattr(source, "start")):
            return source
        if not isinstance(source, str):
            raise TypeError(f"Expected a span id, a path or a document id, got {kind_of(source)}.")
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
        return self._dispatch("history", {"turn": whole_number(turn, "turn")}, lambda reply: Shown(reply["text"]))

    def SHOW_VARS(self):
        """Your variables with their types and sizes."""
        lines = []
        for name in self.variables():
            value = self._namespace[name]
            try:
                size = f", {len(value):,} {'characters' if isinstance(value, str) else 'items'}"
            except Exception:  # what has no length is shown without
                size = ""
            lines.append(f"{name}: {kind_of(value)}{size}")
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
