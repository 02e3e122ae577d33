"""The API behind a real uvicorn on loopback, in a thread of the test's process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from headway_prediction.service.api.app import create_app
from headway_prediction.service.api.server import ApiServer, listening_socket, make_server
from headway_prediction.service.api.settings import ApiSettings
from service_view import RecordedView


@contextmanager
def served(view: RecordedView, **settings: object) -> Iterator[tuple[str, ApiServer]]:
    """Serve a view; give its address and the server."""
    chosen = ApiSettings(port=0, **settings)
    server = make_server(create_app(view, chosen), chosen)
    with listening_socket(chosen) as listener:
        port = listener.getsockname()[1]
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}", server
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()
