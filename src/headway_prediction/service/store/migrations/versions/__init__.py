"""One module per version of the schema, with the step from the version before. A released step is never changed."""
