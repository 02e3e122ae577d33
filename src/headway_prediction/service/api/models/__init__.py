"""The JSON of the API: pydantic models that the service builds and renders, and that its client reads."""
