"""Fixtures that tests of several folders share."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import settings

from helpers.lines import REAL_DATA, made_once, make_small_line, make_three_lines
from helpers.page_browser import chromium

# Threads of LightGBM that wait in a loop take the cores from whatever runs beside them: here another worker.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

settings.register_profile("shared", deadline=None, derandomize=True)
settings.load_profile("shared")


@pytest.fixture
def real_line():
    """Give the folder of a real line by name; skip the test where it is absent."""

    def folder(name: str) -> Path:
        path = REAL_DATA / "lines" / name
        if not path.is_dir():
            pytest.skip(f"the real line {name} is absent (HEADWAY_REAL_DATA or ../shared/data)")
        return path

    return folder


@pytest.fixture(scope="session", autouse=True)
def compiled_by_jax(tmp_path_factory):
    """Keep what JAX compiles for the other tests of this process: many networks under test are the same program."""
    if os.environ.get("KERAS_BACKEND") == "jax":
        import jax

        jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("jax")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


@pytest.fixture(scope="module")
def browser():
    """A real Chromium; skips, with a word, where there is none."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def small_line(tmp_path_factory) -> Path:
    """A folder with a simulated line of five stations: arrivals.parquet, gtfs.zip, grid.zarr, a bundle and its forecasts.

    Made by the command line itself, with the smallest network that still is one. To be read only: all workers share it.
    """
    return made_once(tmp_path_factory, "small_line", make_small_line)


@pytest.fixture(scope="session")
def three_lines(tmp_path_factory) -> Path:
    """A folder with lines of different lengths: a.zarr and b.zarr with a bundle trained on both, and c.zarr never seen.

    Made by the command line itself, with the smallest networks that still are some; c.parquet is the log of c.zarr. To be
    read only: all workers share it.
    """
    return made_once(tmp_path_factory, "three_lines", make_three_lines)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server for all tests, one after the other; skips where none can be run."""
    from helpers.postgres_server import postgres_server

    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path) -> str:
    """The URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    server = request.getfixturevalue("postgres")
    server.empty()
    return server.url


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    key, chain = folder / "key.pem", folder / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-keyout", key, "-out", chain, "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return chain, key
