"""A real PostgreSQL server on loopback, in a temporary folder: started, stopped and started again."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest

USER = "postgres"
DEBIAN = Path("/usr/lib/postgresql")


def _programs() -> Path | None:
    """The folder of initdb and postgres: Debian keeps them by version, others on the path."""
    versions = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = versions[-1] if versions else shutil.which("initdb")
    return Path(found).parent if found else None


class PostgresServer:
    """One server; `url` names its database."""

    def __init__(self, programs: Path, folder: Path):
        self._programs, self._folder = programs, folder
        self._data, self._process = folder / "data", None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/postgres"
        made = ["--auth=trust", "--encoding=UTF8", "--no-sync", f"--username={USER}"]
        subprocess.run(
            [*self._as_user("initdb"), "-D", str(self._data), *made], check=True, capture_output=True
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-k", str(self._folder), "-c", "fsync=off"]
        self._process = subprocess.Popen(
            [*self._as_user("postgres"), "-D", str(self._data), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 30
        while True:
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.url.replace("+psycopg", ""), connect_timeout=2).close()
                return
            assert time.monotonic() < until and self._process.poll() is None, "PostgreSQL did not start"
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it at once: who is connected is cut off, and what was committed stays."""
        if self._process is not None:
            control = [*self._as_user("pg_ctl"), "-D", str(self._data), "-m", "fast", "-w", "stop"]
            subprocess.run(control, check=True, capture_output=True)
            self._process.wait(30)
            self._process = None

    def empty(self) -> None:
        """Drop every table."""
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")

    def _as_user(self, program: str) -> list[str]:
        # The server refuses to run as root.
        return [*(["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []), str(self._programs / program)]


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Yield a running server, or skip where there is none to run."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's server (initdb, postgres) is not installed")
    folder = Path(mkdtemp(prefix="headway-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, USER)
    try:
        server = PostgresServer(programs, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
