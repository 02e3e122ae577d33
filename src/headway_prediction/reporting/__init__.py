"""HTML reports and tables of scores."""
