"""Health, readiness and Prometheus metrics of the service."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headway_prediction import __version__
from headway_prediction.service.api.errors import JSON
from headway_prediction.service.api.models.base import Health, Ready
from headway_prediction.service.live.published import Level, LineForecast
from headway_prediction.service.live.view import LineMetrics, ServiceView

MAX_AGE_SECS = 180.0
"""A forecast is published every minute; with one older than this the service is not ready."""
READY_LEVELS = (Level.LIVE, Level.STARTING)
NO_STORE = {"Cache-Control": "no-store"}
REQUEST_SECS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
GAUGES = {
    "headway_feed_age_seconds": ("Seconds since the newest data of the feed", "feed_age_secs"),
    "headway_ingest_lag_seconds": (
        "From the arrival of the newest poll to its passings being stored",
        "ingest_lag_secs",
    ),
    "headway_forecast_seconds": ("Duration of the last forecast", "forecast_secs"),
    "headway_publish_seconds": (
        "From the arrival of a poll to its forecast being published",
        "publish_secs",
    ),
}


def unready_reasons(view: ServiceView) -> Iterator[str]:
    """Yield sentences why the service has no live forecast, or cannot store it."""
    yield from view.issues()
    for served in view.lines():
        line_id = served.line.line_id
        _, published = view.publisher.latest(line_id)
        if published is None or published.forecast is None:
            yield f"{line_id}: no forecast has been published yet"
        if published is None:
            continue
        if published.status.level not in READY_LEVELS:
            yield f"{line_id}: {published.status.level.value}"
            yield from (f"{line_id}: {reason}" for reason in published.status.reasons)
        age = view.now() - published.at
        if age > MAX_AGE_SECS:
            yield f"{line_id}: the latest forecast was published {age:.0f} s ago"


def monitoring_routes(view: ServiceView, registry: CollectorRegistry) -> APIRouter:
    """Return /healthz, /readyz and /metrics."""
    router = APIRouter(tags=["service"])

    @router.get("/healthz", response_model=Health)
    async def healthz() -> Response:
        """The process answers."""
        health = Health(alive=True, version=__version__)
        return Response(health.model_dump_json(), headers=NO_STORE, media_type=JSON)

    @router.get("/readyz", response_model=Ready, responses={503: {"model": Ready}})
    async def readyz() -> Response:
        """200 while forecasts are live and stored, else 503 with the reasons."""
        reasons = await asyncio.to_thread(lambda: list(unready_reasons(view)))
        ready = Ready(ready=not reasons, reasons=reasons)
        return Response(ready.model_dump_json(), 503 if reasons else 200, NO_STORE, JSON)

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Metrics for Prometheus."""
        text = await asyncio.to_thread(generate_latest, registry)
        return Response(text, headers=NO_STORE, media_type=CONTENT_TYPE_LATEST)

    return router


def new_registry(view: ServiceView, event_clients: Callable[[], int]) -> CollectorRegistry:
    """Return a registry for one app; `event_clients` counts the clients of event streams."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(view))
    ProcessCollector(registry=registry)
    clients = Gauge("headway_event_clients", "Clients of event streams", registry=registry)
    clients.set_function(event_clients)
    return registry


class ServiceCollector(Collector):
    """Reads a ServiceView at each scrape; has no state."""

    def __init__(self, view: ServiceView) -> None:
        self._view = view

    def describe(self) -> list[Metric]:
        """Return nothing: names need not be known before the service runs."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of every line."""
        line_ids = [served.line.line_id for served in self._view.lines()]
        metrics = {line_id: self._view.metrics(line_id) for line_id in line_ids}
        latest = {line_id: self._view.publisher.latest(line_id) for line_id in line_ids}
        yield from _gauges(metrics)
        yield _polls(metrics)
        yield _versions({line_id: version for line_id, (version, _) in latest.items()})
        published = {line_id: newest for line_id, (_, newest) in latest.items() if newest is not None}
        yield _levels(published)
        yield from _live_scores(published)
        issues = GaugeMetricFamily("headway_issues", "Number of current issues of the service")
        issues.add_metric([], len(self._view.issues()))
        yield issues


def _gauges(metrics: Mapping[str, LineMetrics]) -> Iterator[Metric]:
    for name, (description, attribute) in GAUGES.items():
        gauge = GaugeMetricFamily(name, description, labels=["line"])
        for line_id, own in metrics.items():
            gauge.add_metric([line_id], getattr(own, attribute))
        yield gauge


def _polls(metrics: Mapping[str, LineMetrics]) -> Metric:
    polls = CounterMetricFamily("headway_polls", "Polls of the feed by outcome", labels=["line", "outcome"])
    for line_id, own in metrics.items():
        for outcome, count in own.polls.items():
            polls.add_metric([line_id, str(outcome)], count)
    return polls


def _versions(versions: Mapping[str, int]) -> Metric:
    published = CounterMetricFamily("headway_published", "Published updates", labels=["line"])
    for line_id, version in versions.items():
        published.add_metric([line_id], version)
    return published


def _levels(published: Mapping[str, LineForecast]) -> Metric:
    levels = GaugeMetricFamily(
        "headway_level", "1 for the level of the latest forecast", labels=["line", "level"]
    )
    for line_id, newest in published.items():
        for level in Level:
            levels.add_metric([line_id, level.value], float(newest.status.level is level))
    return levels


def _live_scores(published: Mapping[str, LineForecast]) -> Iterator[Metric]:
    labels = ["line", "method", "lead"]
    mae = GaugeMetricFamily(
        "headway_live_mae_minutes", "Mean absolute error of published forecasts", labels=labels
    )
    better = GaugeMetricFamily(
        "headway_simple_method_better",
        "1 when a simple method had a lower error over the last hour",
        labels=["line"],
    )
    for line_id, newest in published.items():
        scores = newest.scores
        better.add_metric([line_id], float(scores is not None and scores.better_method is not None))
        for score in scores.methods if scores else ():
            for lead, value in enumerate(score.mae, start=1):
                if np.isfinite(value):
                    mae.add_metric([line_id, score.method, str(lead)], float(value))
    yield mae
    yield better


class RequestMetricsMiddleware:
    """Counts requests by route and status, and times them to the first byte of the response."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self.app = app
        self.requests = Counter("headway_requests", "Requests", ["route", "status"], registry=registry)
        self.seconds = Histogram(
            "headway_request_seconds", "To the first byte", ["route"], registry=registry, buckets=REQUEST_SECS
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path_format", "none")
                self.requests.labels(route, message["status"]).inc()
                self.seconds.labels(route).observe(time.perf_counter() - started)
            await send(message)

        await self.app(scope, receive, counting)
