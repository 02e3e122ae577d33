"""The trained artifact: what a forecast needs, in one folder."""
