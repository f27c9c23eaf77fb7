"""From Python values to what the host is asked, and from its replies back. It calls nothing itself."""

import builtins
import json
import re

from .answers import Answer, Failure, HostError, error_of, resolved
from .frames import check_size
from .results import Results
from .spans import Found, Span

PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
SCHEMA_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}


def query_item(prompt, context, schema, model):
    text = text_of(prompt, "prompt")
    if context is not None:
        text = f"{text}\n\n{text_of(context, 'context')}"
    item = {"prompt": text}
    if schema is not None:
        item["schema"] = json_schema(schema)
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
    raise TypeError(f"Expected {what} to be text, got {kind_of(value)}.")


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
        fields = f"fields {', '.join(map(str, item))}" if isinstance(item, dict) else kind_of(item)
        raise KeyError(f"{{{{{name}}}}} is in the prompt but not in the item ({fields}). Use {{{{item}}}} for the whole.")

    return PLACEHOLDER.sub(value, template)


def _item_text(item):
    return item if isinstance(item, str) else text_of(item, "item") if not isinstance(item, bool) else str(item)


def single_result(reply):
    result = _one_result(_results(reply, 1)[0])
    if isinstance(result, Failure):
        raise error_of({"code": result.code, "message": result.message})
    return result


def all_results(count):
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
    if isinstance(value, Results):
        # Whole, not as it prints.
        value = list(value)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return {"via": via, "text": str(value)}
    return {"via": via, "text": text, "json": True}


def json_schema(schema):
    if isinstance(schema, type) and schema in SCHEMA_TYPES:
        return {"type": SCHEMA_TYPES[schema]}
    if isinstance(schema, str):
        schema = json.loads(schema)
    if not isinstance(schema, dict):
        raise TypeError(f"Expected schema to be a JSON Schema as a dict, got {kind_of(schema)}.")
    return schema


def several(values, what):
    values = resolved(values)
    if isinstance(values, (str, dict)) or not hasattr(type(values), "__iter__"):
        raise TypeError(f"Expected {what} to be a list, got {kind_of(values)}.")
    return list(values)


def whole_number(value, what):
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"Expected {what} to be a whole number from 0, got {value!r}.")
    return int(value)


def kind_of(value):
    return "None" if value is None else builtins.type(value).__name__
