"""Load on a running service: requests at a fixed rate, listeners of its events, and what it costs the service.

    python benchmarks/service_load.py [--rate 300 --seconds 60] [--listeners 200 --listen-seconds 600] -- COMMAND …

starts COMMAND (which must serve at --url), waits until it is ready, and ends it. The requests are an open loop: each is due
at its time whether the ones before are answered or not, and is timed from when it was due (so that a service that stands
still is not measured as a single slow answer).
"""

import argparse
import asyncio
import subprocess
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import machine
import numpy as np
import psutil

from headway_prediction.errors import HeadwayError
from headway_prediction.service.client.client import Client

READY_SECS = 300
IDLE_SECS = 10
KEPT_SECS = 2
HEAD = "Host: localhost\r\nAccept-Encoding: gzip\r\n\r\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8640")
    parser.add_argument("--path", default="/forecast?format=columns", help="below /api/v1/lines/LINE")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--listeners", type=int, default=200)
    parser.add_argument("--listen-seconds", type=float, default=600.0)
    parser.add_argument("command", nargs="+", help="what serves")
    told = parser.parse_args()
    service = subprocess.Popen(told.command)
    try:
        begun = time.monotonic()
        line_id = wait_until_ready(told.url, service)
        print(f"machine: {machine.describe()}; load average {psutil.getloadavg()[0]:.1f}")
        print(f"ready after {time.monotonic() - begun:.1f} s; line {line_id}")
        watched = psutil.Process(service.pid)
        asyncio.run(measure(told, line_id, watched))
    finally:
        service.terminate()
        service.wait(30)


async def measure(told: argparse.Namespace, line_id: str, service: psutil.Process) -> None:
    """Measure idle, under requests, and with listeners."""
    base = f"/api/v1/lines/{line_id}"
    idle = await cost(service, asyncio.sleep(IDLE_SECS))
    print(f"idle: {idle.cpu_secs / IDLE_SECS:.1%} of a core, {idle.rss_mib:.0f} MiB")
    if told.seconds:
        load = Load(urlsplit(told.url), base + told.path, told.rate, told.seconds)
        spent = await cost(service, load.run())
        more = (spent.cpu_secs - idle.cpu_secs / IDLE_SECS * told.seconds) / load.count
        print(load.report())
        print(f"  {spent.share(told.seconds)}, {more * 1e6:.0f} µs more for each request than idle")
    if told.listen_seconds:
        listening = Listening(urlsplit(told.url), f"{base}/events", told.listeners)
        spent = await cost(service, listening.run(told.listen_seconds))
        print(f"{listening.report(told.listen_seconds)}\n  {spent.share(told.listen_seconds)}")


@dataclass
class Cost:
    """CPU seconds spent, and resident memory at the beginning and at the end."""

    cpu_secs: float
    first_rss_mib: float
    rss_mib: float

    def share(self, seconds: float) -> str:
        """Say it of so many seconds."""
        return (
            f"the service used {self.cpu_secs / seconds:.1%} of a core, {self.first_rss_mib:.0f} MiB at the beginning and "
            f"{self.rss_mib:.0f} at the end; load average {psutil.getloadavg()[0]:.1f}"
        )


async def cost(service: psutil.Process, work) -> Cost:
    """Await some work; return what the service spent meanwhile."""
    before, rss = sum(service.cpu_times()[:2]), service.memory_info().rss
    await work
    after = sum(service.cpu_times()[:2])
    return Cost(after - before, rss / 2**20, service.memory_info().rss / 2**20)


@dataclass
class Load:
    """An open loop of GET requests over kept connections."""

    address: object
    path: str
    rate: float
    seconds: float
    waits: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    body_bytes: int = 0
    idle: list[tuple] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many requests are made."""
        return int(self.rate * self.seconds)

    async def run(self) -> None:
        """Send all requests when they are due, and wait for their answers."""
        begun, tasks = time.perf_counter(), []
        for number in range(self.count):
            due = begun + number / self.rate
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            tasks.append(asyncio.create_task(self.ask(due)))
        await asyncio.gather(*tasks)

    async def ask(self, due: float) -> None:
        reader, writer = self._kept() or await connect(self.address)
        writer.write(f"GET {self.path} HTTP/1.1\r\n{HEAD}".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        self.body_bytes = len(await reader.readexactly(length))
        self.waits.append(time.perf_counter() - due)
        status = int(head.split(" ", 2)[1])
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.idle.append((time.perf_counter(), reader, writer))

    def _kept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """A connection used lately: the service closes those that are idle for long."""
        while self.idle:
            used, reader, writer = self.idle.pop()
            if time.perf_counter() - used < KEPT_SECS:
                return reader, writer
            writer.close()
        return None

    def report(self) -> str:
        """Say how long answers took."""
        places = {"p50": 50, "p90": 90, "p99": 99, "p99.9": 99.9, "max": 100}
        waits = ", ".join(
            f"{name} {1000 * np.percentile(self.waits, at):.1f} ms" for name, at in places.items()
        )
        return (
            f"{self.count:,} x GET {self.path} ({self.body_bytes:,} bytes under gzip), {self.rate:g}/s for "
            f"{self.seconds:g} s: {self.statuses}; {waits}"
        )


@dataclass
class Listening:
    """Clients that listen to the stream of events all at once."""

    address: object
    path: str
    clients: int
    feed_state: dict[int, list[float]] = field(default_factory=dict)
    lost: int = 0
    comments: int = 0

    async def run(self, seconds: float) -> None:
        """Listen for so many seconds."""
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
                version = int(line.partition(b'"version": ')[2].partition(b",")[0])
                self.feed_state.setdefault(version, []).append(time.perf_counter())
            self.comments += line.startswith(b":")
        self.lost += 1

    def report(self, seconds: float) -> str:
        """Say how many heard of what, and how far apart."""
        whole = list(self.feed_state.items())[1:]  # the first is what was published when they came
        apart = max((max(times) - min(times) for _, times in whole), default=0.0)
        missed = sum(self.clients - len(times) for _, times in whole)
        return (
            f"{self.clients} listeners for {seconds:g} s: {len(whole)} forecasts told of, {missed} missed, {self.lost} "
            f"streams lost, {self.comments:,} comments; first and last client at most {apart * 1000:.0f} ms apart"
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
    raise SystemExit(f"nothing was ready at {url} within {READY_SECS} s")


if __name__ == "__main__":
    main()
