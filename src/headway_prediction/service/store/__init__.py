"""What outlives the process, in SQLite or PostgreSQL: passings, the polls behind them, and published forecasts."""

from headway_prediction.service.store.store import Store

__all__ = ["Store"]
