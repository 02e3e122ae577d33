"""A thread that works whenever there is something to do, so that nobody else waits for it, and that ends when told to."""

from collections.abc import Callable
from threading import Event, Thread

from headway_prediction.service.live.issues import Issues


class Worker:
    """Calls `work` in a thread of its own: at the start, after each `call`, and a last time after `stop`.

    `work` returns after how many seconds it wants to be called again anyway, None where it can wait. Whatever it raises is
    told to `issues` as the part `name`, and it is called again when it would have been without that.
    """

    def __init__(self, name: str, work: Callable[[], float | None], issues: Issues):
        self._name, self._work, self._issues = name, work, issues
        self._news, self._stop = Event(), Event()
        self._thread = Thread(target=self._work_on, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_secs: float) -> None:
        """End after the work under way and a last call of it, or after the timeout."""
        self._stop.set()
        self._news.set()
        self._thread.join(timeout_secs)

    def call(self) -> None:
        """Say that there is something to do; never waits."""
        self._news.set()

    @property
    def ending(self) -> bool:
        """Whether the worker was told to end."""
        return self._stop.is_set()

    def rest(self, secs: float) -> bool:
        """Wait within `work`; return whether the worker was told to end."""
        return self._stop.wait(secs)

    def _work_on(self) -> None:
        ending, pause = False, None
        while not ending:
            # In this order: whatever comes after the two leads to one more round.
            self._news.clear()
            ending = self.ending
            with self._issues.watch(self._name):
                pause = self._work()
            if not ending:
                self._news.wait(pause)
