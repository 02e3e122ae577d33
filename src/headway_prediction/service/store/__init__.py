"""What outlives the process: passings, the polls they come from, and forecasts issued; in SQLite or PostgreSQL."""

from headway_prediction.service.store.store import Store

__all__ = ["Store"]
