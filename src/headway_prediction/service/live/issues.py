"""What is wrong with the service now, part by part, told by whichever thread meets it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Issues:
    """One sentence for each part that is in trouble."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._now: dict[str, str] = {}

    def current(self) -> tuple[str, ...]:
        """Return the sentences, in the order of the parts' names."""
        with self._lock:
            return tuple(f"{part}: {self._now[part]}" for part in sorted(self._now))

    def report(self, part: str, sentence: str | None) -> None:
        """Say what is wrong with a part, or with None that all is well again."""
        with self._lock:
            if sentence is None:
                self._now.pop(part, None)
            else:
                self._now[part] = sentence

    @contextmanager
    def watch(self, part: str) -> Iterator[None]:
        """Tell what the body raises, whatever it is, and go on; a body that ends well clears the part."""
        try:
            yield
        except Exception as error:
            logging.getLogger(__name__).warning("%s: %s", part, error, exc_info=error)
            self.report(part, str(error) or type(error).__name__)
        else:
            self.report(part, None)
