"""The address of a feed and its key: what is sent to which server, and what may be written down."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, urlsplit
from urllib.request import getproxies

import httpx2

from headway_prediction.errors import HeadwayError

SECRET_NAME = re.compile(r"key|token|secret|passw|auth|signature", re.IGNORECASE)
WEB_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Key:
    """A secret and the header or query parameter (one of the two) that it is sent in."""

    value: str = field(repr=False)
    header: str | None = None
    parameter: str | None = None

    def redact(self, text: str) -> str:
        """Replace the secret in `text`, plain or percent-encoded, by "(the key)"."""
        for spelling in (self.value, quote(self.value, safe=""), quote(self.value)):
            text = text.replace(spelling, "(the key)")
        return text

    def is_in(self, body: bytes) -> bool:
        """Return whether `body` holds the secret, plain or percent-encoded."""
        return self.value.encode() in body or quote(self.value, safe="").encode() in body


@dataclass(frozen=True)
class FeedAddress:
    """The URL of a feed, which holds no secret and may be written down, and the key it needs."""

    url: str
    key: Key | None = None

    def request_for(self, url: str) -> tuple[str, dict[str, str]]:
        """Return `url`, with the key where it is a query parameter, and the key's header.

        Only the feed's own origin gets the key: a redirect may lead to any other server.
        """
        parts = urlsplit(url)
        if self.key is None or origin(parts) != origin(urlsplit(self.url)):
            return url, {}
        if self.key.header:
            return url, {self.key.header: self.key.value}
        if self.key.redact(parts.query) != parts.query:  # A redirect may repeat the parameter.
            return url, {}
        pair = f"{self.key.parameter}={quote(self.key.value, safe='')}"
        return parts._replace(query=f"{parts.query}&{pair}" if parts.query else pair).geturl(), {}


def origin(parts: SplitResult) -> tuple[str, str, int]:
    """Return scheme, host and port."""
    return parts.scheme, parts.hostname or "", parts.port or WEB_PORTS.get(parts.scheme, 0)


def feed_address(url: str, key: Key | None = None) -> FeedAddress:
    """Check an address. Raises HeadwayError for anything but http(s), and for one that holds a secret of its own."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in WEB_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise HeadwayError(
            "the address of the feed cannot be fetched", "http:// or https:// and a host", "correct --url"
        )
    names = [pair.partition("=")[0] for pair in parts.query.split("&")]
    secret = next((name for name in names if SECRET_NAME.search(name)), None)
    if parts.username is not None or secret:
        raise HeadwayError(
            f"the address holds {f'the parameter {secret!r}' if secret else 'a user name'}, which looks like a secret",
            "an address that may be written down",
            "put the key into an environment variable and name that with --key-variable",
        )
    return FeedAddress(url, key)


def address_from_environment(
    url: str, variable: str | None, header: str | None, parameter: str | None, environment: Mapping[str, str]
) -> FeedAddress:
    """Return a checked address with the key that the environment variable `variable` holds.

    Raises HeadwayError as `feed_address`, `key_from_environment` and `check_proxies` do.
    """
    check_proxies()
    return feed_address(url, key_from_environment(variable, header, parameter, environment))


def key_from_environment(
    variable: str | None, header: str | None, parameter: str | None, environment: Mapping[str, str]
) -> Key | None:
    """Return the key that the environment variable holds, or None where no variable is named.

    Raises HeadwayError for a variable that is not set, a value that no header can hold (it is not shown), or where not
    exactly one of `header` and `parameter` is given.
    """
    if variable is None and header is None and parameter is None:
        return None
    if variable is None or (header is None) == (parameter is None):
        raise HeadwayError(
            "the key is only half described",
            "--key-variable with one of --key-header and --key-parameter",
            "name the environment variable and where its value is sent",
        )
    value = environment.get(variable)
    if not value or not re.fullmatch(r"[\x21-\x7e]+( +[\x21-\x7e]+)*", value):
        raise HeadwayError(
            f"the environment variable {variable} is {'not set' if not value else 'no key (not shown)'}",
            "printable characters on one line",
            f"set it, for instance with: export {variable}=…",
        )
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", header or parameter or ""):
        raise HeadwayError(
            f"the key is to be sent as {header or parameter!r}",
            "a plain name such as x-api-key",
            "correct it",
        )
    return Key(value, header, parameter)


def check_proxies() -> None:
    """Raise HeadwayError where HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names no proxy that httpx2 can use.

    The message holds no value of these variables: there may be a password in it.
    """
    try:
        httpx2.Client().close()
        proxies = [url for scheme, url in getproxies().items() if scheme in ("http", "https", "all")]
        usable = all(_names_a_port(url) for url in proxies)
    except (ImportError, ValueError, httpx2.InvalidURL):
        usable = False
    if not usable:
        raise HeadwayError(
            "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names no proxy that can be used",
            "http://host:port",
            "correct it, or list the feed's host in NO_PROXY",
        )


def _names_a_port(proxy: str) -> bool:
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return bool(parts.hostname) and parts.port != 0
