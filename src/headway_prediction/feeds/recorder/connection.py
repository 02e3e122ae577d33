"""The line to a server, direct or through a proxy, that is cut at a deadline whatever happens on it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPSConnection
from threading import Timer
from time import monotonic
from urllib.parse import urlsplit

from headway_prediction.feeds.recorder.address import origin
from headway_prediction.feeds.recorder.proxy import Proxy


def connect(url: str, proxy: Proxy | None, deadline: float) -> HTTPConnection:
    """Return a connection on which `url` can be asked, through `proxy` if one is given; `deadline` is by `monotonic`.

    Raises OSError, HTTPException or ValueError as http.client does.
    """
    scheme, host, port = origin(urlsplit(url))
    kind = HTTPSConnection if scheme == "https" else HTTPConnection
    place = (proxy.host, proxy.port) if proxy else (host, port)
    connection = kind(*place, timeout=max(deadline - monotonic(), 0.001))
    if proxy and scheme == "https":
        # RFC 9110, section 9.3.6: the proxy passes the bytes on and can read none of them.
        connection.set_tunnel(host, port, proxy.headers())
    with hung_up_at(deadline, lambda: connection.sock):
        connection.connect()
    return connection


@contextmanager
def hung_up_at(deadline: float, line: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Cut `line` at the deadline: a socket's own timeout begins anew with every byte that drips in."""

    def hang_up() -> None:
        with suppress(OSError):
            if (open_line := line()) is not None:
                socket.socket.shutdown(open_line, socket.SHUT_RDWR)

    timer = Timer(max(deadline - monotonic(), 0), hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
