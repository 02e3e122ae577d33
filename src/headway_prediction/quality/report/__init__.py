"""The quality report: findings, figures, page."""
