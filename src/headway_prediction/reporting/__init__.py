"""HTML reports, tables and JSON of scores and of the quality check."""
