"""ASGI middleware of the API: security headers, the hosts it serves, limits of request bodies.

Starlette's TrustedHostMiddleware responds in plain text; every error of this API is JSON with a remedy, so the host check is
here. CORS is Starlette's own.
"""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headway_prediction.service.api.errors import error_response
from headway_prediction.service.api.settings import ApiSettings, is_loopback

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
BODY_TIMEOUT_SECS = 10.0
"""The whole body must arrive within this time."""
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def security_headers(settings: ApiSettings) -> dict[str, str]:
    """Return the headers of every response: no foreign content, nothing inline, no frame, no sniffing, no referrer."""
    return {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "cross-origin" if settings.origins else "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }


class SecurityHeadersMiddleware:
    """Adds headers to every response."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self.app, self.headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class AllowedHostsMiddleware:
    """Rejects requests for other hosts (DNS rebinding) with 421 and a remedy."""

    def __init__(self, app: ASGIApp, allowed_hosts: frozenset[str]) -> None:
        self.app, self.allowed_hosts = app, allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        host = host_name(Headers(scope=scope).get("host", "")) if scope["type"] == "http" else None
        if host is None or host in self.allowed_hosts:
            await self.app(scope, receive, send)
            return
        found, expected = (
            f"the request was for the host {host[:80]!r}",
            f"one of {', '.join(sorted(self.allowed_hosts))}",
        )
        remedy = "use that address, or start the service with --allow-host and that name"
        await error_response(421, found, expected, remedy)(scope, receive, send)


class BodyLimitMiddleware:
    """Limits the size of request bodies (413) and the time until they have arrived (408)."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        limited = _limited(receive, self.max_bytes) if scope["type"] == "http" else receive
        await self.app(scope, limited, send)


def _limited(receive: Receive, max_bytes: int) -> Receive:
    """Limit the body to `max_bytes`; what comes after it (a disconnect) is not limited."""
    received, complete = 0, False
    deadline: float | None = None

    async def receive_limited() -> Message:
        """Return the next part of the body; raises HTTPException for too many bytes (413), or where the last part has not
        come BODY_TIMEOUT_SECS after the first was awaited (408), however slowly the parts drip in."""
        nonlocal received, complete, deadline
        if complete:
            return await receive()
        deadline = deadline or asyncio.get_running_loop().time() + BODY_TIMEOUT_SECS
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError as error:
            raise HTTPException(408, "the body did not arrive in time") from error
        received += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        if received > max_bytes:
            raise HTTPException(413, f"the body has over {max_bytes} bytes")
        return message

    return receive_limited


def allowed_hosts(settings: ApiSettings) -> frozenset[str] | None:
    """Return the host names that are served, None for all: not bound to loopback, and no name given."""
    named = {host_name(host) for host in settings.hosts}
    if is_loopback(settings.host):
        return frozenset({*LOOPBACK_NAMES, *named})
    return frozenset({settings.host, *named}) if named else None


def host_name(host: str) -> str:
    """Return a Host header without its port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower() if host.count(":") == 1 else host.lower()
