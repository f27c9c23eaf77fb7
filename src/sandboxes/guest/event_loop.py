"""asyncio without sockets: an event loop whose only sources are timers and replies of the host.

Imported the first time a cell mentions asyncio or await, because asyncio is half of an interpreter's start-up time.
"""

import asyncio
import functools
import heapq

from .answers import Resolving, error_of


class GuestLoop(asyncio.BaseEventLoop):
    """One loop for all cells. It may be entered again from inside, so asyncio.run works below a top-level await."""

    def __init__(self, calls):
        super().__init__()
        self._calls = calls
        self.set_exception_handler(lambda _loop, _context: None)

    def _run_once(self):
        timeout = None
        if self._ready:
            timeout = 0
        elif self._scheduled:
            timeout = max(0, self._scheduled[0]._when - self.time())
        elif not self._calls.under_way and not self._stopping:
            raise RuntimeError("this cell awaits something that nothing is going to finish")
        if self._calls.under_way or timeout != 0:
            self._calls.pump(0 if self._stopping else timeout)
        now = self.time() + self._clock_resolution
        while self._scheduled and self._scheduled[0]._when <= now:
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            self._ready.append(handle)
        for _ in range(len(self._ready)):
            if not self._ready:  # a nested run took the rest
                break
            handle = self._ready.popleft()
            if not handle._cancelled:
                handle._run()

    def run_until_complete(self, future):
        if not self.is_running():
            return super().run_until_complete(self._as_task(future))
        future = self._as_task(future)
        outer = asyncio.current_task(self)
        if outer is not None:
            asyncio.tasks._leave_task(self, outer)
        try:
            while not future.done():
                self._run_once()
        finally:
            if outer is not None:
                asyncio.tasks._enter_task(self, outer)
        return future.result()

    def _as_task(self, awaitable):
        return asyncio.ensure_future(awaitable, loop=self)

    def create_task(self, awaitable, **options):
        if not asyncio.iscoroutine(awaitable) and hasattr(type(awaitable), "__await__"):
            awaitable = _awaiting(awaitable)
        return super().create_task(awaitable, **options)

    def run_in_executor(self, _executor, function, *arguments):
        """There are no threads: the function runs here and now, calls of the API go out without waiting."""
        future = self.create_future()
        try:
            value = function(*arguments)
        except Exception as error:
            future.set_exception(error)
            return future
        if isinstance(value, asyncio.Future):
            return value
        future.set_result(value)
        return future

    async def shutdown_default_executor(self, *_arguments):
        pass

    def forget(self):
        """Cancels what a cell left behind, without letting it go on for long."""
        leftovers = [task for task in asyncio.all_tasks(self) if not task.done()]
        for task in leftovers:
            task.cancel()
        for _ in range(3):
            if not self._ready:
                break
            try:
                self._run_once()
            except Exception:  # what the leftovers raise has no reader any more
                pass
        for handle in self._scheduled:
            handle._scheduled = False
        self._ready.clear()
        self._scheduled.clear()
        self._stopping = False

    def close(self):
        """The loop outlives every asyncio.run."""

    def _process_events(self, _events):
        pass

    def _write_to_self(self):
        pass


async def _awaiting(awaitable):
    return await awaitable


class PendingFuture(Resolving, asyncio.Future):
    """An answer on its way that asyncio takes for one of its own futures."""

    def __init__(self, loop, calls, call, convert):
        asyncio.Future.__init__(self, loop=loop)
        self._calls = calls
        self._call = call
        self._convert = convert
        call.listener = self._arrive

    def _arrive(self, call):
        if self.done():
            return
        try:
            if call.error is not None:
                raise error_of(call.error)
            self.set_result(self._convert(call.value))
        except Exception as error:
            self.set_exception(error)
            # Reading it marks it as seen; asyncio would otherwise print it a second time when it is collected.
            self.exception()

    def _value(self):
        while not self.done():
            self._calls.pump(None)
        return self.result()

    def cancel(self, msg=None):
        if not self.done():
            self._calls.cancel(self._call)
        return asyncio.Future.cancel(self, msg)

    # Defined here, because those of Future would come first for some and never wait.
    __iter__ = Resolving.__iter__
    __await__ = asyncio.Future.__await__


def install(calls):
    """Makes asyncio use one loop of ours, however a cell asks for one."""
    loop = GuestLoop(calls)

    def run(main, *, debug=None, loop_factory=None):
        if not asyncio.iscoroutine(main) and not hasattr(type(main), "__await__"):
            raise ValueError(f"a coroutine was expected, got {main!r}")
        return loop.run_until_complete(main)

    async def to_thread(function, /, *arguments, **keywords):
        return await loop.run_in_executor(None, functools.partial(function, *arguments, **keywords))

    asyncio.run = asyncio.runners.run = run
    asyncio.to_thread = asyncio.threads.to_thread = to_thread
    for module in (asyncio, asyncio.events):
        module.new_event_loop = lambda: loop
        module.get_event_loop = lambda: loop
        module.set_event_loop = lambda _loop: None
    return loop
