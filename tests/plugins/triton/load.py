"""Clients that ask all the time, in threads, until they are told to stop."""
import threading
from collections.abc import Callable


class Load:
    """`ask(thread, i)` in `threads` threads; it raises on a wrong answer."""

    def __init__(self, threads: int, ask: Callable[[int, int], None]) -> None:
        self._stop = threading.Event()
        self._ask = ask
        self._counts = [0] * threads
        self.failures: list[Exception] = []
        self._changed = threading.Condition()
        self._threads = [threading.Thread(target=self._run, args=(i,))
                         for i in range(threads)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, thread: int) -> None:
        while not self._stop.is_set():
            try:
                self._ask(thread, self._counts[thread])
            except Exception as failure:  # noqa: BLE001: the test reports it
                self.failures.append(failure)
                self._stop.set()
            with self._changed:
                self._counts[thread] += 1
                self._changed.notify_all()

    @property
    def requests(self) -> int:
        return sum(self._counts)

    def wait_for(self, condition: Callable[[], bool],
                 timeout_s: float = 60) -> bool:
        """Until a request has made `condition` true, or one failed."""
        with self._changed:
            return self._changed.wait_for(
                lambda: condition() or self.failures, timeout_s)

    def wait_for_requests(self, more: int) -> bool:
        target = self.requests + more
        return self.wait_for(lambda: self.requests >= target)
