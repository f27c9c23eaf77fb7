"""Stands in for modules that the library of the wasm build lacks, though other modules of it take them for granted."""

import re
import select
import sys
import time
import types

LONGEST_SLEEP_SECONDS = 1_000_000


def complete():
    time.sleep = sleep
    sys.modules["_pyrepl"] = types.ModuleType("_pyrepl")
    sys.modules["_pyrepl.pager"] = _pager()
    # How this Python was built: sysconfig, and through it help(), wants to know.
    settings = types.ModuleType("_sysconfigdata__emscripten_wasm32-emscripten")
    settings.build_time_vars = {}
    sys.modules[settings.__name__] = settings


def sleep(seconds, /):
    """time.sleep of this build spins and can't be interrupted; waiting for nothing does neither."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        select.poll().poll(min(left, LONGEST_SLEEP_SECONDS) * 1000)


def _pager():
    module = types.ModuleType("_pyrepl.pager")
    # Takes out what pydoc puts in to make letters bold on paper.
    module.plain = lambda text: re.sub(".\b", "", text)
    for name in ("get_pager", "pipe_pager", "plain_pager", "tempfile_pager", "tty_pager"):
        setattr(module, name, lambda text="", title="": print(module.plain(text)))
    return module
