"""Runs cells as an ordinary Python would, without any of our guest: the yardstick for cells whose log is incomplete.

Reads {"context", "cells", "answers"} from stdin and writes [{"printed", "error"}] to stdout.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import json
import sys


class Answer(str):
    def __await__(self):
        return self
        yield


def main():
    task = json.load(sys.stdin)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    def llm_query(prompt, *_, **__):
        return Answer(task["answers"].get(str(prompt), task["otherwise"]))

    namespace = {
        "__name__": "__main__",
        "context": task["context"],
        "llm_query": llm_query,
        "llm_query_batched": lambda prompts: [llm_query(prompt) for prompt in prompts],
        "FINAL": lambda value: None,
        "FINAL_VAR": lambda name: None,
        "answer": {"content": "", "ready": False},
    }
    results = []
    for code in task["cells"]:
        printed, error = io.StringIO(), None
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            try:
                value = eval(compile(code, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace)
                if inspect.iscoroutine(value):
                    loop.run_until_complete(value)
            except BaseException as raised:
                error = type(raised).__name__
        results.append({"printed": printed.getvalue(), "error": error})
    json.dump(results, sys.__stdout__)


main()
