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
            backend_kwargs={"model_name": "root", "api_key": "x", "base_url": BASE},
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
        scene([self.step(code)], subReply=child, usage={"input": 100, "output": 20, "costUsd": 1})
        return "answered: " + own.run("A text.")[:40]


class Dspy:
    """dspy.RLM with its default interpreter (Deno and Pyodide)."""

    def __init__(self):
        import dspy

        self.lm = dspy.LM("openai/root", api_base=BASE, api_key="x", cache=False)
        dspy.configure(lm=self.lm, adapter=dspy.ChatAdapter())
        self.dspy = dspy
        self.rlm = dspy.RLM("context, query -> answer", max_iters=12, max_llm_calls=100_000)

    def run(self, context):
        return str(self.rlm(context=context, query=QUERY).answer)

    def step(self, code):
        return f"[[ ## reasoning ## ]]\nI go on.\n\n[[ ## code ## ]]\n{FENCE}python\n{code}\n{FENCE}\n\n[[ ## completed ## ]]"

    def finish(self, expression, before=""):
        return [self.step(f"{before}\nSUBMIT(answer={expression})")]

    budget = None


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
        for _ in range(times):
            scene(peer.finish('"ok"'))
            time.sleep(pause)
            runs.append(timed(lambda: peer.run(context))[0])
            bares.append(timed(lambda: bare(calls))[0])
        return {"runMs": statistics.median(runs), "bareMs": statistics.median(bares)}

    return {"firstMs": first, "answer": answer, "rootCalls": calls, "spaced": measure(5, 1), "dense": measure(8, 0)}


def fan_out(peer, n, delay):
    before, expression = fan(n)
    scene(peer.finish('"ok"'))
    peer.run("warm")
    scene(peer.finish(expression, before), subDelayMs=delay)
    cpu = tree_cpu()
    ms, answer = timed(lambda: peer.run("A small text."))
    return {"ms": ms, "cpuMs": tree_cpu() - cpu, "answer": answer, **stats(), "asked": n}


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
        return timed(lambda: peer.run(text))[0]

    one, five = run_with(1), run_with(5)
    return {"perCellMs": max(0, (five - one) / 4), "oneMs": one}


def within(seconds, act, read):
    box = {}

    def work():
        try:
            box["said"] = read(act())
        except BaseException as error:
            box["said"] = "error: " + str(error)[:60]

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    return box.get("said", f"still running after {seconds} s")


def faults(peer):
    outcomes = {}
    for kind in ["429", "500", "broken-json", "empty-choices", "null-content", "reset"]:
        times = 2 if kind in ("429", "500") else 1
        scene(peer.finish('"ok"'), fault={"on": "root", "kind": kind, "times": times})
        outcomes[kind] = within(20, lambda: peer.run("A small text."), lambda a: "ok" if "ok" in a else "wrong: " + a[:40])
    before, expression = fan(40)
    scene(peer.finish(expression, before), fault={"on": "sub", "kind": "500", "times": 4})
    outcomes["4 of 40 sub-calls fail once"] = within(30, lambda: peer.run("A small text."), lambda a: a[:20] + " answered")
    return outcomes


def escapes(peer):
    port = re.search(r":(\d+)", BASE[6:]).group(1)
    attempts = {
        "environment": "import os; p = os.environ.get('PEERS_SECRET', 'none')",
        "file": f"p = open({os.environ.get('PEERS_FILE', '')!r}).read()",
        "shell": "import subprocess; p = subprocess.run(['id'], capture_output=True, text=True).stdout",
        "network": f"import socket; s = socket.create_connection(('127.0.0.1', {port}), 2); p = 'REACHED'",
    }
    outcomes = {}
    for name, code in attempts.items():
        before = f'try:\n    {code}\nexcept BaseException as e:\n    p = "no " + repr(e)'
        scene(peer.finish("str(p)", before))
        said = within(20, lambda: peer.run("A small text."), lambda a: "escaped" if re.search(r"PEERS-SECRET|uid=|\bREACHED\b", a) else "held")
        outcomes[name] = "held" if said.startswith("error") else said
    return outcomes


def loop(peer):
    scene([peer.step("while True: pass"), *peer.finish('"ok"')])
    return {"outcome": within(40, lambda: peer.run("A small text."), lambda a: "came back: " + a[:20]), "hostFrozenMs": 0}


def repl(peer):
    tests = {
        "a variable stays to the next turn": (["kept = 41"], "str(kept + 1)", "42", None),
        "a function stays": (["def twice(x): return 2 * x"], "str(twice(21))", "42", None),
        "what came before an error stays": (["before = 42\nraise ValueError('x')"], "str(before)", "42", None),
        "await at the top": (["import asyncio\nasync def f(): return 42\nwaited = await f()"], "str(waited)", "42", None),
        "CRLF stays CRLF": (["n = 0"], "str(len(context))", "6", "a\r\nb\r\n"),
    }
    outcomes = {}
    for name, (steps, expression, expected, context) in tests.items():
        scene([*[peer.step(code) for code in steps], *peer.finish(expression)])
        outcomes[name] = within(20, lambda: peer.run(context or "A small text."), lambda a: "ok" if a.strip() == expected else json.dumps(a[:40]))
    return outcomes


def budget(peer):
    if not peer.budget:
        return {"unsupported": "no limit in dollars"}
    ended = within(40, lambda: peer.budget(1.5), str)
    return {"ended": ended, "spentUsd": stats()["spentUsd"]}


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
    name, row, *args = sys.argv[1:]
    rows = {
        "overhead": overhead,
        "fan": lambda peer: fan_out(peer, 200, 50),
        "host": lambda peer: fan_out(peer, int(args[0]) if args else 1000, 0),
        "scan": lambda peer: scan(peer, args[0]),
        "noop": lambda peer: noop(peer, args[0]),
        "faults": faults,
        "escapes": escapes,
        "loop": loop,
        "repl": repl,
        "budget": budget,
    }
    try:
        result = rows[row]({"rlms": Rlms, "dspy": Dspy}[name]())
    except BaseException as error:
        result = {"error": f"{type(error).__name__}: {error}"[:500]}
    sys.stdout.write("\n@@" + json.dumps(result) + "\n")
    sys.stdout.flush()
    os._exit(0)


main()
