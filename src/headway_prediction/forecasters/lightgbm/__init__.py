"""Boosted trees over the prior: the strongest baseline."""
