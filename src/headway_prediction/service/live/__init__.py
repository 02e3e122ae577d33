"""The running service of one line: ingest of its feed, the forecast loop, alerts, live scores, retraining."""
