"""The app: routes, errors, page."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from headway_prediction import __version__
from headway_prediction.errors import HeadwayError
from headway_prediction.service.api.desk import Desk
from headway_prediction.service.api.reading import reading_routes
from headway_prediction.service.api.refusal import Refusal, error_body
from headway_prediction.service.api.settings import ApiSettings
from headway_prediction.service.view import ServiceView


def create_app(view: ServiceView, settings: ApiSettings | None = None) -> FastAPI:
    """Return the app that serves a running service."""
    desk = Desk(view, settings or ApiSettings())
    app = FastAPI(title="headway-prediction", version=__version__, docs_url=None, redoc_url=None)
    app.include_router(reading_routes(desk), prefix="/api/v1")
    app.add_exception_handler(HeadwayError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    return app


async def _refused(_: Request, error: HeadwayError) -> JSONResponse:
    status, headers = (error.status, error.headers) if isinstance(error, Refusal) else (422, {})
    return JSONResponse(error_body(error.found, error.expected, error.mend), status, headers)


async def _malformed(_: Request, error: RequestValidationError) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    body = error_body(f"{where}: {first['msg']}", "what /openapi.json says", "correct it")
    return JSONResponse(body, 422)
