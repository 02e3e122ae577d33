"""A worker does what it is called for, nobody waits for it, and what it does wrong is told."""

from collections import deque
from threading import Event

from headway_prediction.service.live.background import Issues, Worker


def test_all_that_waits_is_done_before_it_ends():
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


def test_it_comes_again_by_itself_where_it_wants_to_whatever_happens():
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


def test_what_it_does_wrong_is_told_and_it_goes_on():
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


def test_it_rests_no_longer_than_until_it_is_told_to_end():
    rested = []
    worker = Worker("toy", lambda: rested.append(worker.pause(60)), Issues())
    worker.start()
    worker.stop(5)
    assert rested == [True, True] and worker.stopping
