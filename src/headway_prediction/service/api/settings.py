"""Settings of the API: where it listens, who may ask what-if, and how much at a time."""

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
    """`keys`: who knows one of them may ask what-if; without any, everybody may who can reach a loopback address.

    `hosts`: further names under which the service is reached (checked against the Host header; on loopback nothing else
    is answered). `origins`: other sites whose pages may read the API and ask what-if, none by default. `web`: the folder of
    the page.
    What-if: `what_if_per_minute` for each client, at most `what_if_bytes` of body and `what_if_secs` seconds.
    `event_clients` at a time; one that is `event_backlog` events behind is dropped.
    """

    host: str = "127.0.0.1"
    port: int = 8640
    keys: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    web: Path = Path(service.__file__).parent / "web"
    what_if_per_minute: float = 60.0
    what_if_bytes: int = 64 << 10
    what_if_secs: float = 10.0
    event_clients: int = 500
    event_backlog: int = 16
    keep_alive_secs: float = 15.0

    def __post_init__(self):
        if not self.keys and not is_loopback(self.host):
            raise HeadwayError(
                f"the service was to listen on {self.host} without any key",
                f"keys in {KEYS_VARIABLE}, for others can reach it there",
                f"{KEY_REMEDY}, or listen on 127.0.0.1",
            )
        for name, given, example, is_right in (
            ("host", self.hosts, "board.example", _is_host),
            ("origin", self.origins, "https://board.example", _is_origin),
        ):
            for one in given:
                if not is_right(one):
                    raise HeadwayError(
                        f"the {name} {one!r}", f"one such as {example}", "write it as browsers send it"
                    )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
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
    """Return the keys in HEADWAY_KEYS, separated by commas; raises HeadwayError for one that is easily guessed."""
    keys = tuple(key.strip() for key in environment.get(KEYS_VARIABLE, "").split(",") if key.strip())
    for place, key in enumerate(keys, start=1):
        if len(key) < MIN_KEY_LENGTH or not key.isascii():
            raise HeadwayError(
                f"key {place} in {KEYS_VARIABLE} has {len(key)} characters",
                f"{MIN_KEY_LENGTH} or more, ASCII",
                KEY_REMEDY,
            )
    return keys
