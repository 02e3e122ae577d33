"""A typed client of the API: `Client("http://127.0.0.1:8640").forecast("garden-line").headway_p50`."""

from collections import OrderedDict
from collections.abc import Iterator
from datetime import date, datetime
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit

from pydantic import ValidationError

from headway_prediction.errors import HeadwayError
from headway_prediction.forecasters.serialization import ResponseModel
from headway_prediction.service.api.models.alerts import Alerts, Scores
from headway_prediction.service.api.models.base import PUBLISHED_AGE, ForecastEvent, Ready
from headway_prediction.service.api.models.forecast import ForecastColumns, WhatIfResponse
from headway_prediction.service.api.models.lines import (
    Departures,
    LineInfo,
    Lines,
    Moments,
    State,
    StationState,
)
from headway_prediction.service.client.transport import Transport
from headway_prediction.what_if.schema import WhatIfRequest

Model = TypeVar("Model", bound=ResponseModel)
DEFAULT_URL = "http://127.0.0.1:8640"
MAX_CACHED_RESPONSES = 32


class Client:
    """A client of a running service; `key` is for what-if, where the service requires one. Not to be shared by threads.

    A response that has not changed is not sent again: the client caches the last ones with their ETags. The
    `status.data_age_secs` of a response is the age of the data when it was sent, not when it was computed. Every method
    raises HeadwayError where no service answers, where it redirects, and, with the service's own sentence, where it refuses.
    """

    def __init__(self, url: str = DEFAULT_URL, key: str | None = None, timeout_secs: float = 10.0) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise HeadwayError(f"the address {url!r}", f"one such as {DEFAULT_URL}", "correct it")
        self.url, self.key = url.rstrip("/"), key
        self._transport = Transport(self.url, timeout_secs)
        self._cache: OrderedDict[str, tuple[str, ResponseModel]] = OrderedDict()

    def lines(self) -> Lines:
        """Return the lines that are served."""
        return self._get("/api/v1/lines", Lines)

    def line(self, line_id: str) -> LineInfo:
        """Return stations, directions and bundle of a line."""
        return self._get(_line_path(line_id), LineInfo)

    def state(self, line_id: str, at: datetime | None = None) -> State:
        """Return the last hour of a line, now or `at` an earlier moment."""
        return self._get(_line_path(line_id, "/state", at=at), State)

    def forecast(self, line_id: str, horizon: int = 15, at: datetime | None = None) -> ForecastColumns:
        """Return the forecast of the next 15 or 60 minutes as columns."""
        return self._get(
            _line_path(line_id, "/forecast", format="columns", horizon=horizon, at=at), ForecastColumns
        )

    def station(self, line_id: str, station: int, at: datetime | None = None) -> StationState:
        """Return the past hour and the forecast of a station."""
        return self._get(_line_path(line_id, f"/stations/{station}", at=at), StationState)

    def alerts(self, line_id: str, at: datetime | None = None) -> Alerts:
        """Return gaps and bunched trains expected, the most urgent first."""
        return self._get(_line_path(line_id, "/alerts", at=at), Alerts)

    def scores(self, line_id: str) -> Scores:
        """Return the scores of the published forecasts."""
        return self._get(_line_path(line_id, "/scores"), Scores)

    def moments(self, line_id: str, service_date: date | None = None) -> Moments:
        """Return the moments of a service date (the newest when None) from which a forecast is stored."""
        return self._get(_line_path(line_id, "/moments", service_date=service_date), Moments)

    def departures(self, line_id: str) -> Departures:
        """Return the terminal departures planned in the next hour."""
        return self._get(_line_path(line_id, "/departures"), Departures)

    def what_if(self, line_id: str, request: WhatIfRequest) -> WhatIfResponse:
        """Return the effect of a change of the terminal departures."""
        headers = {"Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {self.key}"} if self.key else {}
        content = request.model_dump_json(exclude_none=True).encode()
        path = _line_path(line_id, "/what-if")
        return _parse(
            WhatIfResponse, self._transport.request("POST", path, headers=headers, content=content).body
        )

    def ready(self) -> Ready:
        """Return whether forecasts are up to date and stored, and why not."""
        return _parse(Ready, self._transport.request("GET", "/readyz", accepted=(503,)).body)

    def events(self, line_id: str) -> Iterator[ForecastEvent]:
        """Yield the event of the latest forecast, then one whenever something new is published, for ever.

        There may be two for one t0: the next 15 minutes are published first, then the hour and the scores with them. A
        stream that ends, breaks or falls silent is opened again after 1 to 30 s; of what was published meanwhile only the
        latest comes. Raises HeadwayError where the first attempt fails, and for an event of an unknown form.
        """
        for event in self._transport.events(_line_path(line_id, "/events")):
            if event.event == "forecast":
                yield _parse(ForecastEvent, event.data)

    def _get(self, path: str, model: type[Model]) -> Model:
        etag, cached = self._cache.get(path, (None, None))
        headers = {"If-None-Match": etag} if etag else {}
        response = self._transport.request("GET", path, accepted=(304,), headers=headers)
        unchanged = cached if response.status == 304 and isinstance(cached, model) else None
        parsed = unchanged or _parse(model, response.body)
        self._cache_response(path, response.headers.get("ETag"), parsed)
        return _with_current_age(parsed, response.headers.get(PUBLISHED_AGE))

    def _cache_response(self, path: str, etag: str | None, parsed: ResponseModel) -> None:
        self._cache.pop(path, None)  # Inserted again at the end: the least recently used come first.
        if etag:
            self._cache[path] = etag, parsed
        while len(self._cache) > MAX_CACHED_RESPONSES:
            self._cache.popitem(last=False)


def _with_current_age(parsed: Model, published_age: str | None) -> Model:
    """Return a response with the age of the data now: `published_age` seconds more than when it was computed."""
    status = getattr(parsed, "status", None)
    if status is None or status.data_age_secs is None or published_age is None:
        return parsed
    age = status.data_age_secs + float(published_age)
    return parsed.model_copy(update={"status": status.model_copy(update={"data_age_secs": age})})


def _line_path(line_id: str, rest: str = "", **parameters: object) -> str:
    given = {name: _text(value) for name, value in parameters.items() if value is not None}
    return f"/api/v1/lines/{quote(line_id, safe='')}{rest}" + (f"?{urlencode(given)}" if given else "")


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _parse(model: type[Model], body: bytes | str) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise HeadwayError(
            f"a response that is no {model.__name__} ({error.errors()[0]['msg']})",
            "one that this version of the client knows",
            "check the address, and that service and client have the same version",
        ) from error
