"""Scores of forecasts: backtest, truth, statistics, metrics, detection, significance, leakage checks."""
