"""Passings to the headway grid: headway, elapsed, arrived, valid, and the planned terminal headways (pure but for store)."""
