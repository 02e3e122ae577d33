"""The app behind uvicorn: connections, limits, shutdown."""

import socket

import uvicorn
from fastapi import FastAPI

from headway_prediction.errors import HeadwayError
from headway_prediction.service.api.events import EventHub
from headway_prediction.service.api.settings import ApiSettings

MAX_CONNECTIONS = 800
"""Under the 1024 files that a process may usually have open."""
SHUTDOWN_SECS = 5


class ApiServer(uvicorn.Server):
    """A uvicorn server that ends the event streams at shutdown, which would delay it otherwise."""

    def __init__(self, config: uvicorn.Config, hub: EventHub) -> None:
        super().__init__(config)
        self.hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the hub, then everything else."""
        self.hub.close()
        await super().shutdown(sockets)


def make_server(app: FastAPI, settings: ApiSettings) -> ApiServer:
    """Return a server for an app of `create_app`; its `run` serves until a signal or `should_exit`."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        # The client is the connected address: a header with another one would bypass the rate limit.
        proxy_headers=False,
        ws="none",
        # httptools and uvloop were measured and change nothing that a client would notice.
        http="h11",
        loop="asyncio",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_SECS,
    )
    return ApiServer(config, app.state.hub)


def run(app: FastAPI, settings: ApiSettings) -> None:
    """Serve until interrupted; raises HeadwayError when the port is not available."""
    with listening_socket(settings) as listener:
        make_server(app, settings).run(sockets=[listener])


def listening_socket(settings: ApiSettings) -> socket.socket:
    """Return a socket that listens where the settings say; port 0 takes any free one."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=1024)
        # Head and body are two packets: without this the second would wait 40 ms for the acknowledgement of the first.
        # Connections inherit the option; asyncio sets it only on sockets with an explicit protocol, unlike these.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError) as error:
        cause = getattr(error, "strerror", None) or error
        found = f"{settings.host} port {settings.port} cannot be listened on ({cause})"
        expected = "an address of this machine and a free port"
        raise HeadwayError(found, expected, "choose another one with --port") from error
