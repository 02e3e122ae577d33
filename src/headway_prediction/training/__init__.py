"""From line histories to trained networks."""
