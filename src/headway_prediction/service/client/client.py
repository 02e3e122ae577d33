"""A typed client of the API: `Client("http://127.0.0.1:8640").forecast("garden-line").headway_p50`.

It needs nothing but Python's own HTTP and the models that the API itself answers with.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import date, datetime
from http.client import HTTPResponse
from typing import TypeVar
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request

from pydantic import ValidationError

from headway_prediction.errors import HeadwayError
from headway_prediction.service.api.models.base import PUBLISHED_AGE, ResponseModel
from headway_prediction.service.api.models.forecast import ForecastColumns
from headway_prediction.service.api.models.judged import Alerts, Scores
from headway_prediction.service.api.models.lines import Departures, LineInfo, Lines, Moments
from headway_prediction.service.api.models.service import ForecastEvent, Ready
from headway_prediction.service.api.models.state import State, StationState
from headway_prediction.service.api.models.what_if import WhatIf, WhatIfResponse
from headway_prediction.service.client.sse import reconnecting_events
from headway_prediction.service.client.transport import Transport

Model = TypeVar("Model", bound=ResponseModel)
DEFAULT_URL = "http://127.0.0.1:8640"
MAX_CACHED_RESPONSES = 32
MAX_SILENCE_SECS = 45.0
"""A stream of events that says nothing for so long, not even that it is still there, is broken."""


class Client:
    """Asks a running service; `key` is for what-if, where the service wants one. Not to be shared by threads.

    An answer that has not changed is not sent again: the client keeps the last ones with their ETags. An answer's
    `status.data_age_secs` is the age of the data when it was given, not when it was made. Every method raises HeadwayError
    where no service answers, where another server is to be asked instead, or where the service says no: with its own words.
    """

    def __init__(self, url: str = DEFAULT_URL, key: str | None = None, timeout_secs: float = 10.0) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise HeadwayError(f"the address {url!r}", f"one such as {DEFAULT_URL}", "correct it")
        self.url, self.key, self.timeout_secs = url.rstrip("/"), key, timeout_secs
        self._asking = Transport(self.url)
        self._kept: OrderedDict[str, tuple[str, ResponseModel]] = OrderedDict()

    def lines(self) -> Lines:
        """Return the lines that are served."""
        return self._get("/api/v1/lines", Lines)

    def line(self, line_id: str) -> LineInfo:
        """Return stations, directions and bundle of a line."""
        return self._get(_of_line(line_id), LineInfo)

    def state(self, line_id: str, at: datetime | None = None) -> State:
        """Return the last hour of a line, now or `at` an earlier moment."""
        return self._get(_of_line(line_id, "/state", at=at), State)

    def forecast(self, line_id: str, horizon: int = 15, at: datetime | None = None) -> ForecastColumns:
        """Return the forecast of the next 15 or 60 minutes as columns."""
        return self._get(
            _of_line(line_id, "/forecast", format="columns", horizon=horizon, at=at), ForecastColumns
        )

    def station(self, line_id: str, station: int, at: datetime | None = None) -> StationState:
        """Return past and forecast of a station."""
        return self._get(_of_line(line_id, f"/stations/{station}", at=at), StationState)

    def alerts(self, line_id: str, at: datetime | None = None) -> Alerts:
        """Return gaps and bunched trains expected, the most urgent first."""
        return self._get(_of_line(line_id, "/warnings", at=at), Alerts)

    def scores(self, line_id: str) -> Scores:
        """Return how good the forecasts issued have been."""
        return self._get(_of_line(line_id, "/scores"), Scores)

    def moments(self, line_id: str, service_date: date | None = None) -> Moments:
        """Return the moments of a service date (the newest when None) from which a forecast is kept."""
        return self._get(_of_line(line_id, "/moments", service_date=service_date), Moments)

    def departures(self, line_id: str) -> Departures:
        """Return the terminal departures planned in the next hour."""
        return self._get(_of_line(line_id, "/departures"), Departures)

    def what_if(self, line_id: str, asked: WhatIf) -> WhatIfResponse:
        """Return what a change of the terminal departures does."""
        headers = {"Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {self.key}"} if self.key else {}
        address = self.url + _of_line(line_id, "/what-if")
        request = Request(address, asked.model_dump_json(exclude_none=True).encode(), headers, method="POST")
        with self._asking.opened(request, self.timeout_secs) as response:
            return _read(WhatIfResponse, response.read())

    def ready(self) -> Ready:
        """Return whether forecasts are fresh and kept, and why not."""
        with self._asking.opened(Request(f"{self.url}/readyz"), self.timeout_secs, 503) as response:
            return _read(Ready, response.read())

    def events(self, line_id: str) -> Iterator[ForecastEvent]:
        """Yield the newest forecast's event, then one whenever something new is published, for ever.

        Two may come for one t0: the next 15 minutes are published first, then the hour and the scores with them. A stream
        that ends, breaks or falls silent is opened again after 1 to 30 s; of what was published meanwhile only the newest is
        told. Raises HeadwayError where the first attempt fails, and for an event that it does not know.
        """
        address = self.url + _of_line(line_id, "/events")

        def stream(heard: str | None) -> AbstractContextManager[HTTPResponse]:
            headers = {"Last-Event-ID": heard} if heard else {}
            return self._asking.opened(Request(address, headers=headers), MAX_SILENCE_SECS)

        for event in reconnecting_events(stream):
            if event.name == "forecast":
                yield _read(ForecastEvent, event.data)

    def _get(self, path: str, model: type[Model]) -> Model:
        etag, kept = self._kept.get(path, (None, None))
        request = Request(self.url + path, headers={"If-None-Match": etag} if etag else {})
        with self._asking.opened(request, self.timeout_secs, 304) as response:
            answered = kept if response.status == 304 else _read(model, response.read())
            self._keep(path, response.headers.get("ETag"), answered)
            return _aged(answered, response.headers.get(PUBLISHED_AGE))

    def _keep(self, path: str, etag: str | None, answered: ResponseModel) -> None:
        self._kept.pop(path, None)  # so that those not asked for in the longest time come first
        if etag:
            self._kept[path] = etag, answered
        while len(self._kept) > MAX_CACHED_RESPONSES:
            self._kept.popitem(last=False)


def _aged(answered: Model, published_age: str | None) -> Model:
    """Return an answer with the age of the data now, `published_age` seconds after the minute it was made of was over."""
    status = getattr(answered, "status", None)
    if status is None or status.data_age_secs is None or published_age is None:
        return answered
    age = status.data_age_secs + float(published_age)
    return answered.model_copy(update={"status": status.model_copy(update={"data_age_secs": age})})


def _of_line(line_id: str, rest: str = "", **parameters: object) -> str:
    told = {name: _text(value) for name, value in parameters.items() if value is not None}
    return f"/api/v1/lines/{quote(line_id, safe='')}{rest}" + (f"?{urlencode(told)}" if told else "")


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _read(model: type[Model], body: bytes) -> Model:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise HeadwayError(
            f"an answer that is no {model.__name__} ({error.errors()[0]['msg']})",
            "what this version of the client knows",
            "check the address, and that service and client are of one version",
        ) from error
