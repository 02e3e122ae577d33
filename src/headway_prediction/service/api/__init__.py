"""The service over HTTP: `app` makes it; `models` say what it answers and are what clients are built on."""
