"""Settings of the API: where it listens, who may write, and how much."""

from dataclasses import dataclass
from pathlib import Path

from headway_prediction import service


@dataclass(frozen=True)
class ApiSettings:
    """`web` is the folder of the page."""

    host: str = "127.0.0.1"
    port: int = 8640
    web: Path = Path(service.__file__).parent / "web"
