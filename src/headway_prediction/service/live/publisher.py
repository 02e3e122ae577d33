"""The board: what is published now, for whoever asks and whoever waits."""

from threading import Condition

from headway_prediction.service.live.published import LineForecast


class Publisher:
    """Holds the newest Published of each line. One thread writes, any number read; what is on it is never changed."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._published: dict[str, LineForecast] = {}
        self._versions: dict[str, int] = {}

    def publish(self, line_id: str, published: LineForecast) -> None:
        """Put up what is new of a line, and wake those who wait for it."""
        with self._changed:
            self._published[line_id] = published
            self._versions[line_id] = self._versions.get(line_id, 0) + 1
            self._changed.notify_all()

    def latest(self, line_id: str) -> tuple[int, LineForecast | None]:
        """Return the version (0 before the first) and what is published of a line."""
        with self._changed:
            return self._versions.get(line_id, 0), self._published.get(line_id)

    def wait_for_newer(self, line_id: str, version: int, timeout_secs: float) -> int:
        """Return the line's version as soon as it is beyond `version`, or as it is when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._versions.get(line_id, 0) > version, timeout_secs)
            return self._versions.get(line_id, 0)
