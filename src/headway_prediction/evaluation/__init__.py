"""Scores of forecasts beside each other: truth, exported forecasts, statistics, metrics, significance, tables, report."""
