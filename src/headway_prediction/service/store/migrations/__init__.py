"""The versions of the schema, one module each in `versions`; `database.migrate` runs those that a database lacks."""
