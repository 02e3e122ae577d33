"""What-if: the planned departures of a terminal edited, forecast again and compared. Edits in, differences out; pure."""
