"""Latency and cost of a running service under load: requests at a fixed rate, and clients of its event stream.

    python benchmarks/service_load.py [--rate 300 --seconds 60] [--listeners 200 --listen-seconds 600] -- COMMAND …

Starts COMMAND (which must serve at --url), waits until it is ready, and ends it. The requests are an open loop: each is due
at a fixed time, whatever the state of the previous ones, and its latency counts from when it was due. A service that stalls
thus delays many requests, and not only one.
"""

import argparse
import asyncio
import json
import subprocess
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
import psutil
from common import describe_machine

from headway_prediction.errors import HeadwayError
from headway_prediction.service.client.client import Client

READY_SECS = 300
IDLE_SECS = 10
MAX_IDLE_CONNECTION_SECS = 2
HEAD = "Host: localhost\r\nAccept-Encoding: gzip\r\n\r\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8640")
    parser.add_argument("--path", default="/forecast?format=columns", help="below /api/v1/lines/LINE")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--listeners", type=int, default=200)
    parser.add_argument("--listen-seconds", type=float, default=600.0)
    parser.add_argument("command", nargs="+", help="command that serves")
    args = parser.parse_args()
    service = subprocess.Popen(args.command)
    try:
        started = time.monotonic()
        line_id = wait_until_ready(args.url, service)
        print(f"machine: {describe_machine()}; load average {psutil.getloadavg()[0]:.1f}")
        print(f"ready after {time.monotonic() - started:.1f} s; line {line_id}")
        watched = psutil.Process(service.pid)
        asyncio.run(measure(args, line_id, watched))
    finally:
        service.terminate()
        service.wait(30)


async def measure(args: argparse.Namespace, line_id: str, service: psutil.Process) -> None:
    """Measure the service when idle, under requests, and with listeners."""
    base = f"/api/v1/lines/{line_id}"
    idle = await cost(service, asyncio.sleep(IDLE_SECS))
    print(f"idle: {idle.cpu_secs / IDLE_SECS:.1%} of a core, {idle.rss_mib:.0f} MiB")
    if args.seconds:
        load = Load(urlsplit(args.url), base + args.path, args.rate, args.seconds)
        spent = await cost(service, load.run())
        more = (spent.cpu_secs - idle.cpu_secs / IDLE_SECS * args.seconds) / load.count
        print(load.report())
        print(f"  {spent.share(args.seconds)}, {more * 1e6:.0f} µs more for each request than idle")
    if args.listen_seconds:
        listening = Listening(urlsplit(args.url), f"{base}/events", args.listeners)
        spent = await cost(service, listening.run(args.listen_seconds))
        print(f"{listening.report(args.listen_seconds)}\n  {spent.share(args.listen_seconds)}")


@dataclass
class Cost:
    """CPU seconds spent, and resident memory at the beginning and at the end."""

    cpu_secs: float
    first_rss_mib: float
    rss_mib: float

    def share(self, seconds: float) -> str:
        """Return the cost over `seconds` as text."""
        return (
            f"the service used {self.cpu_secs / seconds:.1%} of a core, {self.first_rss_mib:.0f} MiB at the beginning and "
            f"{self.rss_mib:.0f} at the end; load average {psutil.getloadavg()[0]:.1f}"
        )


async def cost(service: psutil.Process, work) -> Cost:
    """Await `work`; return what the service used during it."""
    before, rss = sum(service.cpu_times()[:2]), service.memory_info().rss
    await work
    after = sum(service.cpu_times()[:2])
    return Cost(after - before, rss / 2**20, service.memory_info().rss / 2**20)


@dataclass
class Load:
    """An open loop of GET requests over persistent connections."""

    address: object
    path: str
    rate: float
    seconds: float
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    body_bytes: int = 0
    idle: list[tuple] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of requests."""
        return int(self.rate * self.seconds)

    async def run(self) -> None:
        """Send each request when it is due, and wait for all responses."""
        started, tasks = time.perf_counter(), []
        for number in range(self.count):
            due = started + number / self.rate
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            tasks.append(asyncio.create_task(self.ask(due)))
        await asyncio.gather(*tasks)

    async def ask(self, due: float) -> None:
        reader, writer = self._idle_connection() or await connect(self.address)
        writer.write(f"GET {self.path} HTTP/1.1\r\n{HEAD}".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        self.body_bytes = len(await reader.readexactly(length))
        self.latencies.append(time.perf_counter() - due)
        status = int(head.split(" ", 2)[1])
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.idle.append((time.perf_counter(), reader, writer))

    def _idle_connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A recently used connection: the service closes those that are idle for long."""
        while self.idle:
            used, reader, writer = self.idle.pop()
            if time.perf_counter() - used < MAX_IDLE_CONNECTION_SECS:
                return reader, writer
            writer.close()
        return None

    def report(self) -> str:
        """Return the percentiles of the latency."""
        places = {"p50": 50, "p90": 90, "p99": 99, "p99.9": 99.9, "max": 100}
        latencies = ", ".join(
            f"{name} {1000 * np.percentile(self.latencies, at):.1f} ms" for name, at in places.items()
        )
        return (
            f"{self.count:,} x GET {self.path} ({self.body_bytes:,} bytes under gzip), {self.rate:g}/s for "
            f"{self.seconds:g} s: {self.statuses}; {latencies}"
        )


@dataclass
class Listening:
    """Concurrent clients of the event stream."""

    address: object
    path: str
    clients: int
    received: dict[int, list[float]] = field(default_factory=dict)
    lost: int = 0
    comments: int = 0

    async def run(self, seconds: float) -> None:
        """Listen for `seconds`."""
        tasks = [asyncio.create_task(self.listen()) for _ in range(self.clients)]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def listen(self) -> None:
        reader, writer = await connect(self.address)
        writer.write(f"GET {self.path} HTTP/1.1\r\n{HEAD}".encode())
        while line := await reader.readline():
            if line.startswith(b"data:"):
                version = json.loads(line.removeprefix(b"data:"))["version"]
                self.received.setdefault(version, []).append(time.perf_counter())
            self.comments += line.startswith(b":")
        self.lost += 1

    def report(self, seconds: float) -> str:
        """Return the number of events received and missed, and how far apart the clients received them."""
        whole = list(self.received.items())[1:]  # the first one was published before the clients connected
        apart = max((max(times) - min(times) for _, times in whole), default=0.0)
        missed = sum(self.clients - len(times) for _, times in whole)
        return (
            f"{self.clients} listeners for {seconds:g} s: {len(whole)} forecasts, {missed} events missed, "
            f"{self.lost} streams lost, {self.comments:,} comments; first and last client up to {apart * 1000:.0f} ms apart"
        )


async def connect(address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection to the service."""
    return await asyncio.open_connection(address.hostname, address.port)


def wait_until_ready(url: str, service: subprocess.Popen) -> str:
    """Wait for the first forecast; return the line's id."""
    client, end = Client(url), time.monotonic() + READY_SECS
    while time.monotonic() < end and service.poll() is None:
        try:
            if client.ready().ready:
                return client.lines().lines[0].line_id
        except HeadwayError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"the service was not ready at {url} within {READY_SECS} s")


if __name__ == "__main__":
    main()
