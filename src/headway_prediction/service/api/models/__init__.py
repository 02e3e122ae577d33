"""What the API answers and is asked, as pydantic models: the OpenAPI document and the Python client are made of them.

Times are aware datetimes; headways and waits are minutes; `t0` counts minutes of the service day, which begins at local noon
minus 12 h.
"""
