"""Threads that aren't: code written for a thread pool runs in order, while its calls to the host overlap.

In a function given to a pool, the API returns answers on their way, so `pool.map(llm_query, prompts)` and
`pool.submit(ask, prompt)` send everything at once; a function that reads its answer waits for it there and then.
"""

from .answers import resolved


def install(interface):
    """Replaces thread pools and threads in the modules that cells import them from."""
    import concurrent.futures
    import concurrent.futures.thread
    import threading

    class Future(concurrent.futures.Future):
        def result(self, timeout=None):
            return resolved(super().result(timeout))

        def exception(self, timeout=None):
            try:
                self.result(timeout)
            except Exception as error:
                return error
            return None

    class Executor(concurrent.futures.Executor):
        """Runs what it is given at once, in this thread: there is no other."""

        def __init__(self, max_workers=None, *_, initializer=None, initargs=(), **__):
            self._max_workers = max_workers or 1
            if initializer:
                initializer(*initargs)

        def submit(self, function, /, *arguments, **keywords):
            future = Future()
            future.set_running_or_notify_cancel()
            try:
                with interface.without_waiting():
                    future.set_result(function(*arguments, **keywords))
            except Exception as error:
                future.set_exception(error)
            return future

        def map(self, function, *iterables, timeout=None, chunksize=1):
            futures = [self.submit(function, *arguments) for arguments in zip(*iterables)]
            return (future.result() for future in futures)

        def shutdown(self, wait=True, *, cancel_futures=False):
            pass

    def start(thread):
        thread._started.set()
        try:
            with interface.without_waiting():
                thread.run()
        except Exception as error:
            print(f"Exception in thread {thread.name}: {type(error).__name__}: {error}")

    for name in ("ThreadPoolExecutor", "ProcessPoolExecutor"):
        setattr(concurrent.futures, name, Executor)
    concurrent.futures.thread.ThreadPoolExecutor = Executor
    threading.Thread.start = start
    threading.Thread.join = lambda thread, timeout=None: None
    threading.Thread.is_alive = lambda thread: False
