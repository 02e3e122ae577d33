"""What-if: edit the planned departures of a terminal, forecast again, and compare with the baseline; pure functions."""
