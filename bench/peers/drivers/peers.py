"""Drives rivals in Python, `rlms` and `dspy`, row by row: the same scenes and the same answers as harness.ts asks for."""
import json
import os
import re
import statistics
import sys
import threading
import time
import urllib.request

BASE = os.environ["PEERS_BASE"]
ROW, ARGS = sys.argv[2], sys.argv[3:]
# Of a cell and of a model call, for peers that can be told; None leaves what each does by itself.
CELL_LIMIT = 8 if ROW in ("loop", "repl") else None
CALL_LIMIT = 5 if ROW == "hang" else None
QUERY = "ROOTMARK: what does the text say?"
FENCE = "```"


def post(path, body):
    request = urllib.request.Request(f"{BASE}/{path}", json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.loads(response.read())


def stats():
    with urllib.request.urlopen(f"{BASE}/stats") as response:
        found = json.loads(response.read())
    found.pop("last", None)
    return found


def scene(root, **more):
    post("control", {"root": root, **more})


class Rlms:
    """The reference implementation, with its default environment."""

    def __init__(self, **options):
        from rlm import RLM

        self.rlm = RLM(
            backend="openai",
            backend_kwargs={"model_name": "root", "api_key": "x", "base_url": BASE, **({"timeout": CALL_LIMIT} if CALL_LIMIT else {})},
            max_iterations=12,
            **options,
        )

    def run(self, context):
        return str(self.rlm.completion(context, root_prompt=QUERY).response)

    def step(self, code):
        return f"{FENCE}repl\n{code}\n{FENCE}"

    def finish(self, expression, before=""):
        return [self.step(f'{before}\nanswer["content"] = {expression}\nanswer["ready"] = True')]

    def budget(self, cap):
        own = Rlms(max_depth=2, max_budget=cap)
        child = self.step('answer["content"] = "x"\nanswer["ready"] = True')
        code = 'rs = rlm_query_batched(["SUB " + str(i) for i in range(8)])\nanswer["content"] = "done"\nanswer["ready"] = True'
        scene([self.step(code)], subReply=child, usage={"input": 2_000, "output": 20, "costUsd": 1})
        return "answered: " + own.run("A text.")[:40]


class Dspy:
    """dspy.RLM with its default interpreter (Deno and Pyodide)."""

    def __init__(self):
        import dspy

        more = {"timeout": CALL_LIMIT} if CALL_LIMIT else {}
        dspy.configure(lm=dspy.LM("openai/root", api_base=BASE, api_key="x", cache=False, **more), adapter=dspy.ChatAdapter())
        self.rlm = dspy.RLM(
            "context, query -> answer", max_iters=12, max_llm_calls=100_000, interpreter_factory=self.interpreter
        )

    def interpreter(self):
        from dspy import PythonInterpreter

        found = PythonInterpreter()
        # Where deno.land can't be reached, the one thing that is loaded from there comes from a file beside this one.
        import_map = os.environ.get("PEERS_IMPORT_MAP")
        if import_map:
            found.deno_command.insert(2, f"--import-map={import_map}")
        return found

    def run(self, context):
        return str(self.rlm(context=context, query=QUERY).answer)

    def step(self, code):
        # In both of its formats: after a fault or a reply that it can't read, it asks again for JSON.
        fenced = f"{FENCE}python\n{code}\n{FENCE}"
        as_json = json.dumps({"reasoning": "I go on.", "code": fenced})
        return f"{as_json}\n\n[[ ## reasoning ## ]]\nI go on.\n\n[[ ## code ## ]]\n{fenced}\n\n[[ ## completed ## ]]"

    def finish(self, expression, before=""):
        return [self.step(f"{before}\nSUBMIT(answer={expression})")]

    budget = None


class DspyLocal(Dspy):
    """dspy.RLM with the interpreter that it has for trusted code: Python in a process of its own."""

    def interpreter(self):
        from dspy import LocalInterpreter

        return LocalInterpreter(**({"execution_timeout": CELL_LIMIT} if CELL_LIMIT else {}))


def fan(n):
    before = f'answers = llm_query_batched(["SUB " + str(i) for i in range({n})])'
    return before, 'str(sum(1 for a in answers if str(a).strip() == "yes"))'


def bare(count):
    for _ in range(count):
        post("chat/completions", {"model": "root", "messages": [{"role": "user", "content": QUERY}]})


def timed(act):
    start = time.perf_counter()
    value = act()
    return (time.perf_counter() - start) * 1000, value


def overhead(peer):
    context = "A line of a text that is of no interest at all.\n" * 460
    scene(peer.finish('"ok"'))
    first, answer = timed(lambda: peer.run(context))
    calls = stats()["root"]

    def measure(times, pause):
        runs, bares = [], []
        # A peer whose runs take many seconds is measured by fewer of them.
        begun = time.perf_counter()
        for done in range(times):
            if done >= 2 and time.perf_counter() - begun > 40:
                break
            scene(peer.finish('"ok"'))
            time.sleep(pause)
            runs.append(timed(lambda: peer.run(context))[0])
            bares.append(timed(lambda: bare(calls))[0])
        return {"runMs": statistics.median(runs), "bareMs": statistics.median(bares)}

    return {"firstMs": first, "answer": answer, "rootCalls": calls, "spaced": measure(9, 1), "dense": measure(9, 0)}


def fan_out(peer, n, delay):
    before, expression = fan(n)
    scene(peer.finish('"ok"'))
    peer.run("warm")
    scene(peer.finish(expression, before), subDelayMs=delay)
    cpu = tree_cpu()
    ms, answer = timed(lambda: peer.run("A small text."))
    return {"ms": ms, "cpuMs": tree_cpu() - cpu, "answer": answer, **stats(), "asked": n, "width": int(ARGS[0]) if ROW == "fan" else 16}


def scan(peer, path):
    scene(peer.finish('"ok"'))
    peer.run("warm")
    scene(peer.finish('str(len(re.findall(r"ERR-\\d{5}", context)))', "import re"))
    peak = watch_memory()

    def act():
        with open(path, encoding="utf8", newline="") as file:
            return peer.run(file.read())

    ms, answer = timed(act)
    return {"ms": ms, "answer": answer, "peakMb": peak()}


def noop(peer, path):
    def run_with(cells):
        scene([*[peer.step(f"z{i} = 1") for i in range(cells)], *peer.finish('"ok"')])
        with open(path, encoding="utf8", newline="") as file:
            text = file.read()
        return timed(lambda: peer.run(text))

    # The first makes things ready; then turn about, the best of each, for what else the machine does only adds.
    run_with(1)
    one = nine = float("inf")
    begun = time.perf_counter()
    for done in range(4):
        if done >= 1 and time.perf_counter() - begun > 40:
            break
        one = min(one, run_with(1)[0])
        ms, answer = run_with(9)
        nine = min(nine, ms)
    return {"oneMs": one, "nineMs": nine, "answer": answer}


def tell(value):
    """What is known so far. Only the last one counts, so a driver that is stopped keeps what it found out."""
    # Not sys.stdout: a peer that runs cells in this process has put its own in that place while one runs.
    sys.__stdout__.write("\n@@" + json.dumps(value) + "\n")
    sys.__stdout__.flush()


def within(seconds, act, read):
    box = {}

    def work():
        try:
            box["said"] = read(act())
        except BaseException as error:
            box["said"] = "throws: " + " ".join(f"{type(error).__name__}: {error}".split())[:70]

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    return box.get("said", f"no end within {seconds} s")


def warm(peer):
    """What a first run makes ready belongs to the row of overhead, not to the trials."""
    scene(peer.finish('"ok"'))
    within(60, small(peer), str)


def goes_on(outcome):
    """A run that goes on would play the replies of the next one."""
    return outcome.startswith("no end")


def small(peer):
    return lambda: peer.run("A small text.")


def is_ok(answer):
    return "ok" if "ok" in answer else f'wrong: "{answer[:40]}"'


def of_forty(answer):
    answer = answer.strip()
    if answer == "40":
        return "ok"
    return f"{answer} of 40 answered" if answer.isdigit() else f'wrong: "{" ".join(answer.split())[:30]}"'


def faults(peer):
    outcomes = {}
    warm(peer)
    for kind in ["429", "500", "broken-json", "empty-choices", "null-content", "reset"]:
        times = 2 if kind in ("429", "500") else 1
        scene(peer.finish('"ok"'), fault={"on": "root", "kind": kind, "times": times})
        outcomes[kind] = within(40, small(peer), is_ok)
        tell(outcomes)
        if goes_on(outcomes[kind]):
            return outcomes
    before, expression = fan(40)
    scene(peer.finish(expression, before), fault={"on": "sub", "kind": "500", "times": 4})
    outcomes["sub-calls"] = within(40, small(peer), of_forty)
    return outcomes


def hang(peer, on):
    before, expression = fan(40)
    warm(peer)
    root = peer.finish('"ok"') if on == "root" else peer.finish(expression, before)
    scene(root, fault={"on": on, "kind": "hang", "times": 1})
    ms, said = timed(lambda: within(40, small(peer), is_ok if on == "root" else of_forty))
    return {"outcome": said, "ms": ms}


def escapes(peer):
    # What is reached for was put there for it: a variable and a file with a made-up secret, `id`, this run's own server.
    port = re.search(r":(\d+)", BASE[6:]).group(1)
    attempts = {
        "environment": "import os; p = os.environ.get('PEERS_SECRET', 'none')",
        "file": f"p = open({os.environ.get('PEERS_FILE', '')!r}).read()",
        "shell": "import subprocess; p = subprocess.run(['id'], capture_output=True, text=True).stdout",
        "network": f"import socket; s = socket.create_connection(('127.0.0.1', {port}), 2); p = 'REACHED'",
    }
    outcomes = {}
    warm(peer)
    for name, code in attempts.items():
        before = f'try:\n    {code}\nexcept BaseException as e:\n    p = "no " + repr(e)'
        scene(peer.finish("str(p)", before))
        said = within(30, small(peer), lambda a: "escaped" if re.search(r"PEERS-SECRET|uid=|\bREACHED\b", a) else "held")
        outcomes[name] = "held" if said.startswith("throws") else said
        tell(outcomes)
        if goes_on(said):
            break
    return outcomes


def loop(peer):
    warm(peer)
    scene([peer.step("while True: pass"), *peer.finish('"ok"')])
    longest, stop = [0.0], threading.Event()

    def beat():
        last = time.perf_counter()
        while not stop.wait(0.05):
            now = time.perf_counter()
            longest[0], last = max(longest[0], now - last), now

    threading.Thread(target=beat, daemon=True).start()
    outcome = within(30, small(peer), is_ok)
    stop.set()
    return {"outcome": outcome, "hostFrozenMs": round(longest[0] * 1000)}


def repl(peer):
    def read_small(answer):
        return "ok" if answer.strip() == "42" else json.dumps(" ".join(answer.replace("`", " ").split())[:30])

    def read_print(_):
        size = stats()["lastRootBytes"]
        return ("ok, " if size < 100_000 else "") + f"{round(size / 1000)} kB"

    def read_large(answer):
        return "ok" if len(answer) == 5_000_000 else f"{len(answer)} characters"

    step, finish = peer.step, peer.finish
    trials = {
        "variable": ([step("kept = 41"), *finish("str(kept + 1)")], read_small, None),
        "function": ([step("def twice(x): return 2 * x"), *finish("str(twice(21))")], read_small, None),
        "raised": ([step("before = 42\nraise ValueError('x')"), *finish("str(before)")], read_small, None),
        "await": ([step("import asyncio\nasync def f(): return 42\nwaited = await f()"), *finish("str(waited)")], read_small, None),
        "crlf": (finish("str(len(context) + 36)"), read_small, "a\r\nb\r\n"),
        "missing": ([*finish("not_there"), *finish("str(42)")], read_small, None),
        "prose": (["I think that it says nothing much.", *finish("str(42)")], read_small, None),
        "print": ([step("print('x' * 3_000_000)"), *finish("str(42)")], read_print, None),
        "large": (finish("'x' * 5_000_000"), read_large, None),
        # The last one may never end: what the others showed is told before.
        "timeout": ([step("kept = 41"), step("while True: pass"), *finish("str(kept + 1)")], read_small, None),
    }
    outcomes = {}
    warm(peer)
    for name, (replies, read, context) in trials.items():
        scene(replies)
        outcomes[name] = within(30, lambda: peer.run(context or "A small text."), read)
        tell(outcomes)
        if goes_on(outcomes[name]):
            break
    return outcomes


def budget(peer):
    if not peer.budget:
        return {"unsupported": "no limit in dollars"}
    ended = within(40, lambda: peer.budget(1.5), str)
    found = stats()
    return {"ended": ended, "spentUsd": found["spentUsd"], "children": found["sub"]}


def tree():
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as file:
                    found[int(name)] = re.sub(r"^.*\) ", "", file.read(), flags=re.S).split(" ")
            except OSError:
                pass  # it ended in between
    members = {os.getpid()}
    grown = True
    while grown:
        more = {pid for pid, stat in found.items() if int(stat[1]) in members} - members
        members |= more
        grown = bool(more)
    return [found[pid] for pid in members if pid in found]


def tree_cpu():
    return sum(int(stat[at]) for stat in tree() for at in (11, 12, 13, 14)) * 10


def watch_memory():
    peak = [0]
    stop = threading.Event()

    def sample():
        peak[0] = max(peak[0], sum(int(stat[21]) for stat in tree()) * 4096 / 2**20)

    def work():
        while not stop.wait(0.1):
            sample()

    sample()
    threading.Thread(target=work, daemon=True).start()

    def read():
        stop.set()
        sample()
        return round(peak[0])

    return read


def main():
    rows = {
        "overhead": overhead,
        "fan": lambda peer: fan_out(peer, 200, 50),
        "host": lambda peer: fan_out(peer, int(ARGS[0]), 0),
        "scan": lambda peer: scan(peer, ARGS[0]),
        "ownscan": lambda peer: scan(peer, ARGS[0]),
        "noop": lambda peer: noop(peer, ARGS[0]),
        "faults": faults,
        "hang": lambda peer: hang(peer, ARGS[0]),
        "escapes": escapes,
        "loop": loop,
        "repl": repl,
        "budget": budget,
    }
    try:
        result = rows[ROW]({"rlms": Rlms, "dspy": Dspy, "dspy-local": DspyLocal}[sys.argv[1]]())
    except BaseException as error:
        result = {"error": f"{type(error).__name__}: {error}"[:500]}
    tell(result)
    os._exit(0)


main()
