"""Error responses: what was found, what was expected and the remedy, with the HTTP status for it."""

from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from headway_prediction.errors import HeadwayError
from headway_prediction.service.api.models.base import ErrorBody, ErrorDetail

JSON = "application/json"


class ApiError(HeadwayError):
    """A request that fails: `status` is the HTTP status; `headers` are added to the response."""

    def __init__(self, status: int, found: str, expected: str, remedy: str, **headers: str):
        super().__init__(found, expected, remedy)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def error_response(
    status: int, found: str, expected: str, remedy: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response whose body is an ErrorBody."""
    body = ErrorBody(error=ErrorDetail(found=found, expected=expected, remedy=remedy))
    return Response(body.model_dump_json(), status, dict(headers or {}), JSON)


def add_error_handlers(app: FastAPI, headers: Mapping[str, str]) -> None:
    """Answer every failure of an app with an ErrorBody; `headers` are added to those of unexpected errors."""

    async def internal_error(_: Request, __: Exception) -> Response:
        # Starlette handles these outside all middleware, so the security headers are added here. The log has the cause.
        return error_response(500, "the service failed", "a response", "see its log and report it", headers)

    app.add_exception_handler(HeadwayError, _headway_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, internal_error)


async def _headway_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HeadwayError)
    status, headers = (error.status, error.headers) if isinstance(error, ApiError) else (422, {})
    return error_response(status, error.found, error.expected, error.remedy, headers)


async def _invalid_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))[:200]
    return error_response(422, f"{where}: {first['msg']}", "a request as in /openapi.json", "correct it")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    found = f"{request.method} {request.url.path[:200]}: {error.detail}"
    return error_response(
        error.status_code, found, "a request as in /openapi.json", "correct it", error.headers
    )
