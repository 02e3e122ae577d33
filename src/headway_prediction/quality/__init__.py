"""Is the log what it should be? Pure checks, one module per kind, and the report on what they found."""
