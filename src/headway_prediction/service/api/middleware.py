"""The guard at the door: which hosts are answered, which headers every answer carries, how large and slow a body may be."""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headway_prediction.service.api.errors import error_body
from headway_prediction.service.api.settings import ApiSettings, is_loopback

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
BODY_SECS = 10.0
"""The whole body must be there by then."""
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
    """Return the headers of every answer: nothing from elsewhere, nothing inline, in no frame, no sniffing, no referrer."""
    return {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "cross-origin" if settings.origins else "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }


class Guard:
    """ASGI middleware; refuses hosts it is not known by (DNS rebinding) and bodies that are too large or too slow."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self.app, self.max_bytes = app, settings.what_if_bytes
        self.hosts, self.headers = allowed_hosts(settings), security_headers(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        guarded = _with_headers(send, self.headers)
        host = host_name(Headers(scope=scope).get("host", ""))
        if self.hosts is not None and host not in self.hosts:
            body = error_body(
                f"the request was for the host {host[:80]!r}",
                f"one of {', '.join(sorted(self.hosts))}",
                "use that address, or start the service with --allow-host and that name",
            )
            await JSONResponse(body, 421)(scope, receive, guarded)
        else:
            await self.app(scope, _limited(receive, self.max_bytes), guarded)


def allowed_hosts(settings: ApiSettings) -> frozenset[str] | None:
    """Return the host names that are answered, None where all are: bound elsewhere, and no name given."""
    named = {host_name(host) for host in settings.hosts}
    if is_loopback(settings.host):
        return frozenset({*LOOPBACK_NAMES, *named})
    return frozenset({settings.host, *named}) if named else None


def host_name(host: str) -> str:
    """Return a Host header without its port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower() if host.count(":") == 1 else host.lower()


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return sending


def _limited(receive: Receive, max_bytes: int) -> Receive:
    """Let a body of at most `max_bytes` through; what comes after it (a hang-up) is not limited."""
    seen, whole, deadline = 0, False, None

    async def receiving() -> Message:
        """Return the next part of the body; raises HTTPException for one too many bytes (413), or where the last part has
        not come BODY_SECS after the first was asked for (408), however many drip in between."""
        nonlocal seen, whole, deadline
        if whole:
            return await receive()
        deadline = deadline or asyncio.get_running_loop().time() + BODY_SECS
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError as error:
            raise HTTPException(408, "the body did not arrive in time") from error
        seen += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if seen > max_bytes:
            raise HTTPException(413, f"the body has over {max_bytes} bytes")
        return message

    return receiving
