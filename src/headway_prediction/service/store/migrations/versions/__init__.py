"""The steps from each version of the schema to the next. What is here has been run somewhere: it is never changed."""
