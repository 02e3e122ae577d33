"""Asking a service over HTTP: its own words where it says no, and no key for anybody else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from pydantic import ValidationError

from headway_prediction.errors import HeadwayError
from headway_prediction.service.api.models.service import ErrorBody


class Transport:
    """Asks the service at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = build_opener(SameServer())

    @contextmanager
    def opened(
        self, request: Request, timeout_secs: float, *no_error: int
    ) -> Iterator[HTTPResponse | HTTPError]:
        """Open a request; statuses of 300 or more are errors but for `no_error`.

        Raises HeadwayError where no service answers, where it says no (with its words), or sends on to another server.
        """
        try:
            with self._opener.open(request, timeout=timeout_secs) as response:
                yield response
        except HTTPError as error:
            if error.code not in no_error:
                raise _said_no(error) from error
            yield error
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> HeadwayError:
        return HeadwayError(
            f"no service answers at {self.url} ({getattr(error, 'reason', None) or error or type(error).__name__})",
            "a running `headway serve`",
            "start one, or give its address",
        )


class SameServer(HTTPRedirectHandler):
    """Follows redirects within one server alone: urllib would send the key along to any other."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Return the request that is sent on; raises HeadwayError for one to another server."""
        if urlsplit(newurl)[:2] != urlsplit(req.full_url)[:2]:
            fp.close()
            raise HeadwayError(
                f"{req.full_url} sends on to {newurl[:200]!r}",
                "an answer of the service itself",
                "give that address, if it is the service's",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _said_no(error: HTTPError) -> HeadwayError:
    try:
        said = ErrorBody.model_validate_json(error.read()).error
        return HeadwayError(said.what, said.expected, said.remedy)
    except (ValidationError, json.JSONDecodeError, OSError):
        return HeadwayError(
            f"status {error.code} from {error.url}", "an answer of the service", "check the address"
        )
