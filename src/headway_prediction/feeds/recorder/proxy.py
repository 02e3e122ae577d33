"""The proxies that a machine has to ask through, from the environment, as most programs read them."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass_environment

from headway_prediction.errors import HeadwayError

USUAL_PORT = 80


@dataclass(frozen=True)
class Proxy:
    """A proxy that is itself spoken to in plain HTTP; `authorization` is the header it wants, a secret."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    def headers(self) -> dict[str, str]:
        """Return what only the proxy is told."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


@dataclass(frozen=True)
class Proxies:
    """Which proxy to ask through, by the scheme of the address asked; `no_proxy` lists hosts that are asked directly."""

    by_scheme: Mapping[str, Proxy] = field(default_factory=dict)
    no_proxy: str = ""

    def proxy_for(self, url: str) -> Proxy | None:
        """Return the proxy for an address; None where it is asked directly."""
        parts = urlsplit(url)
        if self.no_proxy and proxy_bypass_environment(parts.netloc, {"no": self.no_proxy}):
            return None
        return self.by_scheme.get(parts.scheme)


def proxies_from_environment(environment: Mapping[str, str]) -> Proxies:
    """Return the proxies that HTTP_PROXY and HTTPS_PROXY name but for the hosts of NO_PROXY.

    Names in small letters count first. NO_PROXY is a list of hosts, with commas, each with all that ends in a dot and it,
    or `*`. Raises HeadwayError for a proxy that is no `http://host:port`; a password in it is never shown.
    """
    schemes = {scheme: _told(environment, f"{scheme}_proxy") for scheme in ("http", "https")}
    by_scheme = {scheme: _proxy(f"{scheme.upper()}_PROXY", text) for scheme, text in schemes.items() if text}
    return Proxies(by_scheme, _told(environment, "no_proxy"))


def _told(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name, environment.get(name.upper(), "")).strip()


def _proxy(variable: str, text: str) -> Proxy:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = USUAL_PORT if parts.port is None else parts.port
        usable = parts.scheme == "http" and bool(parts.hostname) and port > 0
    except ValueError:
        usable = False
    if not usable:
        raise HeadwayError(
            f"{variable} names no proxy that can be used",
            "http://host:port, or host:port",
            f"correct it, or list the feed's host in NO_PROXY; without {variable} the feed is asked directly",
        )
    if parts.username is None:
        return Proxy(parts.hostname, port)
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(parts.hostname, port, f"Basic {b64encode(pair.encode()).decode()}")
