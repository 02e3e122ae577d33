"""The live service: polls of a feed -> passings -> store -> a forecast every minute -> API and page.

`live.published` defines what is published, `Publisher` hands it from the forecast loop to the API. Times are aware
datetimes, epoch seconds (float, `…_at`) or service-day minutes; headways are minutes.
"""
