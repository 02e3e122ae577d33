"""Feeds behind TLS: who is trusted, and what is not followed. Needs the openssl command to make a certificate."""

import socket
import ssl

import pytest

from headway_prediction.feeds.recorder.address import feed_address
from headway_prediction.feeds.recorder.body import FetchError
from headway_prediction.feeds.recorder.http_fetch import Limits, Validators, fetch
from headway_prediction.simulate.feed.server import serving
from headway_prediction.simulate.feed.server_faults import ServerFaults
from helpers.recording import feed_server, http_server, polls, respond


def behind_tls(server, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def ask(url, seconds=60.0):
    return fetch(feed_address(url), Validators(), Limits(seconds=seconds))


def reason(url, **options):
    with pytest.raises(FetchError) as failed:
        ask(url, **options)
    return failed.value.reason


def test_a_trusted_server_is_read_and_an_unknown_one_is_not(certificate, monkeypatch):
    with serving(behind_tls(feed_server(polls(2)), certificate)) as server:
        url = server.url.replace("http:", "https:")
        assert "the certificate of 127.0.0.1 is not trusted" in reason(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        assert ask(url).body in {poll.body for poll in polls(2)}


def test_nobody_is_led_from_https_to_where_anybody_reads_along(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with http_server(lambda handler: respond(handler, 200, b"plain")) as plain:
        server = behind_tls(feed_server(polls(2), faults=ServerFaults()), certificate)
        server.RequestHandlerClass = type(
            "Leading",
            (server.RequestHandlerClass,),
            {"do_GET": lambda self: respond(self, 302, Location=plain)},
        )
        with serving(server):
            assert reason(server.url.replace("http:", "https:")).startswith("a redirect from https to http")


def test_a_server_that_never_shakes_hands_is_left_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        assert reason(url, seconds=0.6) == "no whole answer within 0.6 s"


def test_a_server_that_speaks_no_tls_is_a_failure_like_others():
    with http_server(lambda handler: respond(handler, 200)) as url:
        assert "broke (" in reason(url.replace("http:", "https:"))
