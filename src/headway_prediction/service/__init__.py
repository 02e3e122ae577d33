"""The live service: polls of a feed -> passings -> store -> a forecast every minute -> API and page.

`issued` says what is published, `publisher` is where the live loop puts it and the API reads it. Times are aware datetimes,
epoch seconds (float, `…_at`) or service-day minutes; headways are minutes.
"""
