"""The API behind a real uvicorn on loopback, in a thread of the test's process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from headway_prediction.service.api.app import create_app
from headway_prediction.service.api.server import ApiServer, listening_socket, make_server
from headway_prediction.service.api.settings import ApiSettings
from helpers.deadline import wait_until
from helpers.service_view import RecordedView


@contextmanager
def served(view: RecordedView, port: int = 0, **settings: object) -> Iterator[tuple[str, ApiServer]]:
    """Serve a view, on a free port unless one is named; give its address and the server."""
    chosen = ApiSettings(port=port, **settings)
    server = make_server(create_app(view, chosen), chosen)
    with listening_socket(chosen) as listener:
        port = listener.getsockname()[1]
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{port}", server
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


def publish(view: RecordedView, **changes: object) -> None:
    """Put the newest minute up again, changed."""
    newest = view.publisher.latest(view.line_id)[1]
    view.publisher.publish(view.line_id, replace(newest, **changes))


@contextmanager
def listened(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve something else on loopback; give its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def unpublished(view: RecordedView) -> RecordedView:
    """Return a view of the same day of which nothing is published yet."""
    return RecordedView(view.whole, view.served, view.prior, view.methods)
