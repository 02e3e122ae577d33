"""It lets no one in: hosts, headers, keys, sizes, rates, and files that are not the page's."""

import asyncio
import gzip
import socket
import time
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from headway_prediction.errors import HeadwayError
from headway_prediction.service.api import middleware, what_if_routes
from headway_prediction.service.api.app import create_app
from headway_prediction.service.api.errors import ApiError
from headway_prediction.service.api.executors import WhatIfExecutor
from headway_prediction.service.api.middleware import host_name
from headway_prediction.service.api.settings import ApiSettings, is_loopback, keys_of
from headway_prediction.service.api.what_if_routes import WhatIfLimiter
from helpers.service_server import served
from helpers.service_view import RecordedView, simulated_view

LINE = "/api/v1/lines/garden-line"
WHAT_IF = f"{LINE}/what-if"
BASE = "http://127.0.0.1:8640"
KEY, OTHER_KEY = "a-key-of-sixteen-letters", "another-key-of-many-letters"


@pytest.fixture(scope="module")
def view() -> RecordedView:
    return simulated_view(steps=1)


def client_of(view, base: str = BASE, **settings: object) -> TestClient:
    return TestClient(create_app(view, ApiSettings(**settings)), base_url=base, raise_server_exceptions=False)


@pytest.mark.parametrize(
    "path", [f"{LINE}/state", "/healthz", "/openapi.json", "/nowhere", "/static/x.js", "/"]
)
def test_every_response_carries_a_strict_policy(view, path):
    headers = client_of(view).get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers and "server" not in headers


def test_internal_errors_hide_details_and_carry_the_policy():
    broken = simulated_view()
    broken.step()
    broken.departures = None
    response = client_of(broken).get(f"{LINE}/departures")
    assert (
        response.status_code == 500 and "Traceback" not in response.text and "NoneType" not in response.text
    )
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8640", "127.0.0.1.evil.example", "", "[::2]:80"]
)
def test_on_loopback_other_hosts_are_refused(view, host):
    response = client_of(view).get(f"{LINE}/state", headers={"Host": host})
    assert response.status_code == 421 and "address" in response.json()["error"]["remedy"]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8640", "127.0.0.1:1", "[::1]:8640", "board.example"]
)
def test_host_names_of_the_service_are_served(view, host):
    assert (
        client_of(view, hosts=("board.example",)).get("/healthz", headers={"Host": host}).status_code == 200
    )


def test_bound_to_other_addresses_every_host_is_served_unless_some_are_named(view):
    open_to_all = client_of(view, host="10.0.0.7", keys=(KEY,))
    assert open_to_all.get("/healthz", headers={"Host": "any.example"}).status_code == 200
    named = client_of(view, host="10.0.0.7", keys=(KEY,), hosts=("board.example",))
    assert named.get("/healthz", headers={"Host": "any.example"}).status_code == 421
    assert named.get("/healthz", headers={"Host": "10.0.0.7:80"}).status_code == 200


def test_host_headers_are_read_without_port_and_brackets():
    assert [host_name(host) for host in ("A.b:80", "[::1]:80", "::1", "a", "")] == [
        "a.b",
        "::1",
        "::1",
        "a",
        "",
    ]


def test_elsewhere_a_key_is_required_to_start():
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert is_loopback(host) and ApiSettings(host=host).keys == ()
    for host in ("0.0.0.0", "::", "10.0.0.7", "board"):
        assert not is_loopback(host) and ApiSettings(host=host, keys=(KEY,)).host == host
        with pytest.raises(HeadwayError, match="HEADWAY_KEYS"):
            ApiSettings(host=host)


def test_keys_come_from_the_environment_and_are_long():
    assert keys_of({}) == keys_of({"HEADWAY_KEYS": " , "}) == ()
    assert keys_of({"HEADWAY_KEYS": f"{KEY}, {OTHER_KEY}"}) == (KEY, OTHER_KEY)
    with pytest.raises(HeadwayError, match="key 2 in HEADWAY_KEYS has 5 characters") as refused:
        keys_of({"HEADWAY_KEYS": f"{KEY},short"})
    assert "short" not in str(refused.value).replace("shorter", "")


def test_what_if_wants_a_key_where_there_are_some_and_reading_does_not(view):
    client = client_of(view, host="10.0.0.7", keys=(KEY, OTHER_KEY), what_if_per_minute=10**6)
    assert client.get(f"{LINE}/state").status_code == 200
    for body in (None, KEY, f"Basic {KEY}", f"Bearer {KEY[:-1]}", f"Bearer {KEY}x", "Bearer ", "Bearer é"):
        headers = {"Authorization": body.encode()} if body else {}
        response = client.post(WHAT_IF, json={}, headers=headers)
        assert response.status_code == 401 and response.headers["www-authenticate"] == "Bearer"
    for key in (KEY, OTHER_KEY):
        assert client.post(WHAT_IF, json={}, headers={"Authorization": f"Bearer {key}"}).status_code == 200


def test_a_page_of_another_site_may_not_ask(view):
    client = client_of(view, origins=("https://control.example",))
    assert client.post(WHAT_IF, json={}, headers={"Origin": "https://evil.example"}).status_code == 403
    for origin in ("null", "http://[", "http://127.0.0.1:8641", "x"):
        assert client.post(WHAT_IF, json={}, headers={"Origin": origin}).status_code == 403
    for origin in (BASE, BASE.replace("http", "https"), "https://control.example"):
        assert client.post(WHAT_IF, json={}, headers={"Origin": origin}).status_code == 200
    # A form of another site can post without asking first, but only as what is no JSON.
    response = client.post(WHAT_IF, content=b"{}", headers={"Content-Type": "text/plain"})
    assert response.status_code == 422


def test_other_sites_read_only_where_it_is_allowed(view):
    wanted = {"Origin": "https://control.example"}
    assert "access-control-allow-origin" not in client_of(view).get("/healthz", headers=wanted).headers
    allowed = client_of(view, origins=("https://control.example",))
    assert allowed.get("/healthz", headers=wanted).headers["access-control-allow-origin"] == wanted["Origin"]
    other = allowed.get("/healthz", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_the_size_limit_of_a_body_ignores_its_content_length(view):
    client = client_of(view, what_if_bytes=2000)
    edit = {"action": "cancel", "direction_id": 0, "departure": "2026-01-13T08:40:00+00:00"}
    assert client.post(WHAT_IF, json={"edits": [edit] * 100}).status_code == 413
    chunks = (b'{"edits": [' + b" " * 500 for _ in range(10))
    assert (
        client.post(WHAT_IF, content=chunks, headers={"Content-Type": "application/json"}).status_code == 413
    )
    assert client.post(WHAT_IF, json={"edits": [edit] * 101}).status_code == 413
    assert client_of(view).post(WHAT_IF, json={"edits": [edit] * 101}).status_code == 422


@pytest.mark.parametrize("asked", [
    {"edits": [{"action": "explode", "direction_id": 0, "departure": "2026-01-13T08:40:00+00:00"}]},
    {"edits": [{"action": "hold", "direction_id": 2, "departure": "2026-01-13T08:40:00+00:00"}]},
    {"edits": [{"action": "hold", "direction_id": 0, "departure": "2026-01-13T08:40:00"}]},
    {"edits": [{"action": "hold", "direction_id": 0, "departure": "2026-01-13T08:40:00Z", "mins": -1}]},
    {"edits": [{"action": "hold", "direction_id": 0, "departure": "2026-01-13T08:40:00Z", "mins": 1e999}]},
    {"edit": []}, [], "x", {"search": {"direction_id": 0}},
])  # fmt: skip
def test_invalid_requests_are_refused(view, asked):
    text = str(asked).replace("'", '"').replace("inf", "Infinity")
    response = client_of(view).post(WHAT_IF, content=text, headers={"Content-Type": "application/json"})
    assert response.status_code == 422 and response.json()["error"]["remedy"]


def test_clients_over_the_rate_limit_learn_when_to_retry(view):
    client = client_of(view, what_if_per_minute=6)
    statuses = [client.post(WHAT_IF, json={}).status_code for _ in range(8)]
    assert statuses == [200] * 6 + [429] * 2
    assert 50 <= int(client.post(WHAT_IF, json={}).headers["retry-after"]) <= 60


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 30)), max_size=80))
def test_no_client_exceeds_its_limit_in_any_minute(asks):
    passed = {"a": [], "b": []}
    with set_clock() as clock:
        limiter = WhatIfLimiter(per_minute=5)
        for client, pause in asks:
            clock.now += pause
            with suppress(ApiError):
                limiter.hit(client)
                passed[client].append(clock.now)
    for times in passed.values():
        for sixth, first in zip(times[5:], times, strict=False):
            assert sixth - first >= 60


def test_a_client_may_send_its_whole_share_at_once_and_again_after_retry_after():
    with set_clock() as clock:
        limiter = WhatIfLimiter(per_minute=5)
        for client in ("a", "b"):
            for _ in range(5):
                limiter.hit(client)
                clock.now += 1.3
            with pytest.raises(ApiError) as error:
                limiter.hit(client)
            assert error.value.status == 429
            clock.now += int(error.value.headers["Retry-After"])
            limiter.hit(client)


@contextmanager
def set_clock():
    """A clock of the rate limiter that the test moves by setting `now`."""
    clock = SimpleNamespace(now=1e9, time=lambda: clock.now)
    with patch("limits.storage.memory.time", clock), patch.object(what_if_routes, "time", clock):
        yield clock


def test_a_response_that_takes_too_long_is_aborted_and_the_next_request_waits():
    async def ask() -> None:
        executor = WhatIfExecutor(timeout_secs=0.1)
        with pytest.raises(ApiError, match=r"took over 0\.1 s"):
            await executor.run(lambda: time.sleep(0.4))
        with pytest.raises(ApiError, match="took over"):  # the first one still holds the only thread
            await executor.run(lambda: 1)
        await asyncio.sleep(0.5)
        assert await executor.run(lambda: 2) == 2
        waiting = [asyncio.create_task(executor.run(lambda: time.sleep(0.05))) for _ in range(12)]
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert sum("too many" in str(error) for error in ended) == 3
        await asyncio.sleep(0.5)
        assert await executor.run(lambda: 3) == 3
        executor.close()

    asyncio.run(ask())


def test_only_the_pages_own_files_are_given(view, tmp_path):
    web = tmp_path / "web"
    (web / "parts").mkdir(parents=True)
    (web / "index.html").write_text("<!DOCTYPE html><title>Headways</title>" + " " * 1000)
    (web / "parts" / "map.js").write_text("export const a = 1;")
    (web / "notes.txt").write_text("not for the page")
    (tmp_path / "secret.js").write_text("secret")
    client = client_of(view, web=web)
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8" and "Headways" in page.text
    assert client.get("/", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
    script = client.get("/static/parts/map.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    for path in (
        "notes.txt",
        "../secret.js",
        "%2e%2e/secret.js",
        "..%2fsecret.js",
        "parts/../../secret.js",
        "/etc/passwd",
        "parts",
    ):
        assert client.get(f"/static/{path}").status_code == 404, path


def test_plotly_comes_from_the_installed_package_and_is_kept_by_browsers(view):
    response = client_of(view).get("/static/plotly.min.js")
    assert response.headers["content-encoding"] == "gzip" and "plotly.js v" in response.text[:200]
    assert "max-age=604800" in response.headers["cache-control"]
    with client_of(view).stream("GET", "/static/plotly.min.js") as gzipped:
        assert gzip.decompress(b"".join(gzipped.iter_raw())).decode() == response.text


def test_nothing_that_loads_from_the_net_is_served(view):
    client = client_of(view)
    assert client.get("/openapi.json").status_code == 200
    for path in ("/docs", "/redoc", "/docs/oauth2-redirect"):
        assert client.get(path).status_code == 404


HEAD = f"POST {WHAT_IF} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n"


def test_a_body_that_never_comes_is_not_waited_for(view, monkeypatch):
    monkeypatch.setattr(middleware, "BODY_TIMEOUT_SECS", 0.3)
    with served(view) as (url, _), connected(url) as connection:
        connection.sendall(f"{HEAD}{{".encode())
        assert b" 408 " in connection.recv(200)


def test_a_body_that_drips_is_not_waited_for_either(view, monkeypatch):
    monkeypatch.setattr(middleware, "BODY_TIMEOUT_SECS", 0.5)
    with served(view) as (url, _), connected(url) as connection:
        connection.sendall(HEAD.encode())
        connection.settimeout(0.1)
        answer = b""
        for _ in range(40):  # a byte well before the next is given up, and never as many as were promised
            with suppress(OSError):
                connection.sendall(b" ")
            with suppress(TimeoutError):
                answer += connection.recv(200)
                break
        assert b" 408 " in answer


def connected(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=20)
