"""What Prometheus reads at /metrics: the service's figures as they are when it asks, and the requests counted so far."""

import time
from collections.abc import Callable, Iterator

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headway_prediction.service.live.published import Level, LineForecast
from headway_prediction.service.live.view import LineMetrics, ServiceView

REQUEST_SECS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
GAUGES = {
    "headway_feed_age_seconds": ("Seconds since the feed last said something new", "feed_age_secs"),
    "headway_ingest_lag_seconds": (
        "From the arrival of the newest poll to its passings kept",
        "ingest_lag_secs",
    ),
    "headway_forecast_seconds": ("What the last forecast took", "forecast_secs"),
    "headway_publish_seconds": (
        "From the arrival of a poll to the forecast made of it published",
        "publish_secs",
    ),
}


class ServiceCollector(Collector):
    """Reads a ServiceView whenever it is asked; keeps nothing."""

    def __init__(self, view: ServiceView) -> None:
        self._view = view

    def describe(self) -> list[Metric]:
        """Return nothing: names need not be known before the service runs."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the figures of every line."""
        line_ids = [served.line.line_id for served in self._view.lines()]
        figures = {line_id: self._view.metrics(line_id) for line_id in line_ids}
        publisher = {line_id: self._view.publisher.latest(line_id) for line_id in line_ids}
        yield from _gauges(figures)
        yield _polls(figures)
        yield _versions({line_id: version for line_id, (version, _) in publisher.items()})
        published = {line_id: newest for line_id, (_, newest) in publisher.items() if newest is not None}
        yield _levels(published)
        yield from _live_scores(published)
        issues = GaugeMetricFamily("headway_troubles", "What is wrong with the service now, counted")
        issues.add_metric([], len(self._view.issues()))
        yield issues


def _gauges(figures: dict[str, LineMetrics]) -> Iterator[Metric]:
    for name, (says, attribute) in GAUGES.items():
        gauge = GaugeMetricFamily(name, says, labels=["line"])
        for line_id, own in figures.items():
            gauge.add_metric([line_id], getattr(own, attribute))
        yield gauge


def _polls(figures: dict[str, LineMetrics]) -> Metric:
    polls = CounterMetricFamily("headway_polls", "Polls of the feed by outcome", labels=["line", "outcome"])
    for line_id, own in figures.items():
        for outcome, count in own.polls.items():
            polls.add_metric([line_id, str(outcome)], count)
    return polls


def _versions(versions: dict[str, int]) -> Metric:
    published = CounterMetricFamily(
        "headway_published", "How often something new was published", labels=["line"]
    )
    for line_id, version in versions.items():
        published.add_metric([line_id], version)
    return published


def _levels(published: dict[str, LineForecast]) -> Metric:
    levels = GaugeMetricFamily(
        "headway_level", "1 for the level of the newest forecast", labels=["line", "level"]
    )
    for line_id, newest in published.items():
        for level in Level:
            levels.add_metric([line_id, level.value], float(newest.status.level is level))
    return levels


def _live_scores(published: dict[str, LineForecast]) -> Iterator[Metric]:
    labels = ["line", "method", "lead"]
    mae = GaugeMetricFamily(
        "headway_live_mae_minutes", "Mean absolute error of issued forecasts", labels=labels
    )
    behind = GaugeMetricFamily(
        "headway_behind", "1 when a simple method was better for an hour", labels=["line"]
    )
    for line_id, newest in published.items():
        scores = newest.scores
        behind.add_metric([line_id], float(scores is not None and scores.better_method is not None))
        for score in scores.methods if scores else ():
            for lead, value in enumerate(score.mae, start=1):
                if np.isfinite(value):
                    mae.add_metric([line_id, score.method, str(lead)], float(value))
    yield mae
    yield behind


def new_registry(view: ServiceView, listening: Callable[[], int]) -> CollectorRegistry:
    """Return a registry of one app's own; `listening` counts the clients of event streams."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(view))
    ProcessCollector(registry=registry)
    clients = Gauge("headway_event_clients", "Clients that listen to event streams", registry=registry)
    clients.set_function(listening)
    return registry


class RequestCounter:
    """ASGI middleware that counts requests by route and status, and times them to the first byte of the answer."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self.app = app
        self.requests = Counter("headway_requests", "Requests", ["route", "status"], registry=registry)
        self.seconds = Histogram(
            "headway_request_seconds", "To the first byte", ["route"], registry=registry, buckets=REQUEST_SECS
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path_format", "none")
                self.requests.labels(route, message["status"]).inc()
                self.seconds.labels(route).observe(time.perf_counter() - begun)
            await send(message)

        await self.app(scope, receive, counting)
