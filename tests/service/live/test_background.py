"""Workers call their work in their own thread, and their errors become issues."""

from collections import deque
from threading import Event

from headway_prediction.service.live.background import Issues, Worker


def test_everything_that_waits_is_done_before_it_stops():
    waiting, done = deque(range(1000)), []

    def work() -> None:
        while waiting:
            done.append(waiting.popleft())

    worker = Worker("toy", work, Issues())
    worker.start()
    for number in range(1000, 2000):
        waiting.append(number)
        worker.wake()
    worker.stop(5)
    assert done == list(range(2000))


def test_it_repeats_after_the_returned_pause_also_after_an_error():
    calls, thrice = [], Event()

    def work() -> float:
        calls.append(None)
        if len(calls) == 2:
            raise ValueError("just once")
        if len(calls) == 3:
            thrice.set()
        return 0.001

    worker = Worker("toy", work, Issues())
    worker.start()
    assert thrice.wait(5)
    worker.stop(5)


def test_an_error_is_an_issue_until_the_work_succeeds():
    issues, called, bad = Issues(), Event(), [True]

    def work() -> None:
        called.set()
        if bad:
            raise ValueError("it is bad")

    worker = Worker("toy", work, issues)
    worker.start()
    assert called.wait(5)
    bad.clear()
    worker.stop(5)
    assert issues.current() == ()
    other = Worker("toy", lambda: 1 / 0, issues)
    other.start()
    other.stop(5)
    assert issues.current() == ("toy: division by zero",)


def test_a_pause_ends_when_it_is_stopped():
    paused = []
    worker = Worker("toy", lambda: paused.append(worker.pause(60)), Issues())
    worker.start()
    worker.stop(5)
    assert paused == [True, True] and worker.stopping
