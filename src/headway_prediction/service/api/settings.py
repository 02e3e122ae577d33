"""Settings of the API: where it listens, who may send a what-if, and limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from headway_prediction import service
from headway_prediction.errors import HeadwayError

KEYS_VARIABLE = "HEADWAY_KEYS"
MIN_KEY_LENGTH = 16
KEY_REMEDY = "make one with `python -c 'import secrets; print(secrets.token_urlsafe())'`"


@dataclass(frozen=True)
class ApiSettings:
    """Settings of one server.

    `keys`: a what-if needs one of them; without any, every client that can reach a loopback address may send one.
    `hosts`: further names under which the service is reached (checked against the Host header; on loopback no other is
    served). `origins`: other sites whose pages may use the API, none by default. `web`: the folder of the page.
    What-if: `what_if_per_minute` for each client, at most `what_if_bytes` of body and `what_if_secs` seconds.
    Events: at most `event_clients`; one that does not take an event within `event_send_secs` is disconnected.
    """

    host: str = "127.0.0.1"
    port: int = 8640
    keys: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    web: Path = Path(service.__file__).parent / "web"
    what_if_per_minute: int = 60
    what_if_bytes: int = 64 << 10
    what_if_secs: float = 10.0
    event_clients: int = 500
    event_send_secs: float = 20.0
    keep_alive_secs: float = 15.0

    def __post_init__(self) -> None:
        if not self.keys and not is_loopback(self.host):
            found = f"the service was to listen on {self.host} without any key"
            expected = f"keys in {KEYS_VARIABLE}, for other machines can reach it there"
            raise HeadwayError(found, expected, f"{KEY_REMEDY}, or listen on 127.0.0.1")
        for host in self.hosts:
            if not _is_host(host):
                raise HeadwayError(
                    f"the host {host!r}", "one such as board.example", "write it as browsers send it"
                )
        for origin in self.origins:
            if not _is_origin(origin):
                expected = "one such as https://board.example"
                raise HeadwayError(f"the origin {origin!r}", expected, "write it as browsers send it")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_host(name: str) -> bool:
    return bool(name) and not set(name) & set("/@?# ")


def _is_origin(origin: str) -> bool:
    scheme, _, host = origin.partition("://")
    return scheme in ("http", "https") and _is_host(host)


def keys_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the keys in HEADWAY_KEYS, separated by commas; raises HeadwayError for a short one."""
    keys = tuple(key.strip() for key in environment.get(KEYS_VARIABLE, "").split(",") if key.strip())
    for place, key in enumerate(keys, start=1):
        if len(key) < MIN_KEY_LENGTH or not key.isascii():
            found = f"key {place} in {KEYS_VARIABLE} has {len(key)} characters"
            raise HeadwayError(found, f"{MIN_KEY_LENGTH} or more, ASCII", KEY_REMEDY)
    return keys
