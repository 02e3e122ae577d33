"""Conditional and compressed answers: ETag and 304, gzip for who asks."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response

from headway_prediction.service.api.cache import Rendered

REVALIDATE = "no-cache"
"""Keep it, but ask each time whether it still holds: the answer is a 304 for a minute at most."""


def respond(
    request: Request,
    rendered: Rendered,
    cache_control: str = REVALIDATE,
    told: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """Return the answer a request gets, given what it has already and whether it reads gzip.

    The headers `told` go along with a 304 as well: who kept the body keeps those with it (RFC 9111, section 3.2).
    """
    headers = {"ETag": rendered.etag, "Cache-Control": cache_control, **told}
    if rendered.worth_compressing:
        headers["Vary"] = "Accept-Encoding"
    if etag_matches(request.headers.get("if-none-match"), rendered.etag):
        return Response(status_code=304, headers=headers)
    if rendered.worth_compressing and accepts_gzip(request.headers.get("accept-encoding")):
        headers["Content-Encoding"] = "gzip"
        return Response(rendered.gzipped, headers=headers, media_type=rendered.media_type)
    return Response(rendered.body, headers=headers, media_type=rendered.media_type)


def etag_matches(if_none_match: str | None, etag: str) -> bool:
    """Tell whether If-None-Match names the tag, by the weak comparison of RFC 9110, section 13.1.2."""
    if if_none_match is None:
        return False
    named = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in named or etag.removeprefix("W/") in named


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Tell whether Accept-Encoding allows gzip (RFC 9110, section 12.5.3); not being asked is no."""
    for part in (accept_encoding or "").lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
