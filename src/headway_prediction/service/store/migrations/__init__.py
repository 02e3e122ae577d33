"""The schema's versions, one module each, in `versions`; `migrate` runs those that a database lacks."""
