"""The address of a feed and the key it asks for: what is sent where, and what may be written down."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, urlsplit

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.proxy import Proxies, proxies_from_environment

SECRET_NAME = re.compile(r"key|token|secret|passw|auth|signature", re.IGNORECASE)
WEB_PORTS = {"http": 80, "https": 443}
URL_SAFE_CHARS = "/%?=&:;,+!$'()*~@[]-._"


@dataclass(frozen=True)
class Key:
    """A secret and the header or query parameter (one of the two) that it travels in."""

    value: str = field(repr=False)
    header: str | None = None
    parameter: str | None = None

    def redact(self, text: str) -> str:
        """Return `text` with the secret crossed out, plain or as a URL spells it."""
        for spelling in (self.value, quote(self.value, safe=""), quote(self.value)):
            text = text.replace(spelling, "(the key)")
        return text

    def is_in(self, body: bytes) -> bool:
        """Return whether the secret stands in `body`."""
        return self.value.encode() in body or quote(self.value, safe="").encode() in body


@dataclass(frozen=True)
class FeedAddress:
    """Where a feed is asked for, and through which proxies. `url` holds no secret and may be written down."""

    url: str
    key: Key | None = None
    proxies: Proxies = field(default_factory=Proxies)

    def request_for(self, url: str) -> tuple[str, dict[str, str]]:
        """Return the request target and the key's header for `url`: no server but the feed's own is told the key."""
        parts = urlsplit(url)
        target, headers = quote(parts.path or "/", safe=URL_SAFE_CHARS), {}
        query = [quote(parts.query, safe=URL_SAFE_CHARS)] if parts.query else []
        if self.key and origin(parts) == origin(urlsplit(self.url)):
            if self.key.header:
                headers[self.key.header] = self.key.value
            elif not _has_parameter(parts, self.key):
                query.append(f"{self.key.parameter}={quote(self.key.value, safe='')}")
        return "?".join([target, "&".join(query)] if query else [target]), headers


def _has_parameter(parts: SplitResult, key: Key) -> bool:
    """Whether a redirect carried the key along by itself."""
    return key.redact(parts.query) != parts.query


def origin(parts: SplitResult) -> tuple[str, str, int]:
    """Return scheme, host and port."""
    return parts.scheme, parts.hostname or "", parts.port or WEB_PORTS.get(parts.scheme, 0)


def feed_address(url: str, key: Key | None = None, proxies: Proxies | None = None) -> FeedAddress:
    """Check an address. Raises HeadwayError for anything but http(s), and for one that holds a secret of its own."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in WEB_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise HeadwayError(
            "the address of the feed cannot be asked", "http:// or https:// and a host", "correct --url"
        )
    names = [pair.partition("=")[0] for pair in parts.query.split("&")]
    secret = next((name for name in names if SECRET_NAME.search(name)), None)
    if parts.username is not None or secret:
        raise HeadwayError(
            f"the address holds {f'the parameter {secret!r}' if secret else 'a user name'}, which looks like a secret",
            "an address that may be written down",
            "put the key into an environment variable and name that with --key-variable",
        )
    return FeedAddress(url, key, proxies or Proxies())


def address_from_environment(
    url: str,
    variable: str | None,
    header: str | None,
    parameter: str | None,
    environment: Mapping[str, str],
) -> FeedAddress:
    """Return a checked address with its key and the proxies that the environment names.

    Raises HeadwayError as `feed_address`, `key_from_environment` and `proxies_from_environment` do.
    """
    key = key_from_environment(variable, header, parameter, environment)
    return feed_address(url, key, proxies_from_environment(environment))


def key_from_environment(
    variable: str | None, header: str | None, parameter: str | None, environment: Mapping[str, str]
) -> Key | None:
    """Return the key that the environment variable holds, or None where no variable is named.

    Raises HeadwayError for a variable that is not set, a value that no header can hold (it is not shown), or where not
    exactly one of `header` and `parameter` says how the key travels.
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
