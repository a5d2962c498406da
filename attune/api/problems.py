"""What goes wrong, as JSON: problem details (RFC 9457), with the id of the request."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.types import Scope

from core.errors import (
    AnalysisCancelledError,
    AttuneError,
    AudioDecodeError,
    DownloadError,
    ExtraMissingError,
    ModelError,
    SettingsError,
)
from core.text import encodable, printable

_LOG = logging.getLogger(__name__)

PROBLEM_TYPE: Final = "application/problem+json"

_MOST_ERRORS: Final = 20  # of one request that are named

# The first that an error is an instance of. Any other says that the state of this machine does not allow it.
_STATUS_OF: Final[tuple[tuple[type[AttuneError], HTTPStatus], ...]] = (
    (AudioDecodeError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (SettingsError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (ExtraMissingError, HTTPStatus.NOT_IMPLEMENTED),
    (ModelError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (DownloadError, HTTPStatus.BAD_GATEWAY),
    (AnalysisCancelledError, HTTPStatus.CONFLICT),
)


class HttpProblem(HTTPException):
    """A refusal that a route or a middleware answers with.

    Parameters
    ----------
    status
        The HTTP status, 400 to 599.
    detail
        One sentence for people: what happened, and what to do.
    title
        What kind of problem it is; by default the phrase of the status.
    retry_after_s
        When it is worth another try, in seconds.
    headers
        Of the answer, beside Retry-After.
    extra
        Further members of the JSON object.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        title: str = "",
        retry_after_s: float | None = None,
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        retry = {} if retry_after_s is None else {"Retry-After": str(max(1, math.ceil(retry_after_s)))}
        super().__init__(status, detail, {**(headers or {}), **retry})
        self.title = title or HTTPStatus(status).phrase
        self.extra = extra or {}


def problem_of(error: AttuneError) -> HttpProblem:
    """The refusal for an error of ours; its sentence is the detail."""
    status = next((status for kind, status in _STATUS_OF if isinstance(error, kind)), HTTPStatus.CONFLICT)
    return HttpProblem(status, str(error))


def problem_response(scope: Scope, problem: HttpProblem) -> JSONResponse:
    """The answer for a refusal; it can also be sent to a WebSocket that has not been accepted."""
    body = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status_code,
        "detail": encodable(problem.detail),
        "request_id": request_id_of(scope),
        **problem.extra,
    }
    return JSONResponse(
        body, status_code=problem.status_code, headers=problem.headers, media_type=PROBLEM_TYPE
    )


def request_id_of(scope: Scope) -> str:
    """The id that `RequestIds` gave a request; empty outside of one."""
    return str(scope.get("state", {}).get("request_id", ""))


def handle_problems(app: FastAPI) -> None:
    """Have all errors answered as problem details."""
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(AttuneError, _answer_own)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(WebSocketRequestValidationError, _answer_invalid)
    app.add_exception_handler(ClientDisconnect, _answer_gone)
    app.add_exception_handler(Exception, _answer_unexpected)


def _answer_http(request: HTTPConnection, error: Exception) -> JSONResponse:
    if not isinstance(error, HttpProblem):
        assert isinstance(error, HTTPException)
        headers = dict(error.headers or {})
        error = HttpProblem(error.status_code, _sentence(request, error), headers=headers)
    return problem_response(request.scope, error)


def _sentence(request: HTTPConnection, error: HTTPException) -> str:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return "There is nothing at this address: /openapi.json lists what there is."
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return f"This address does not take {request.scope.get('method', 'this method')}."
        case _:
            return error.detail


def _answer_own(request: HTTPConnection, error: Exception) -> JSONResponse:
    assert isinstance(error, AttuneError)
    return problem_response(request.scope, problem_of(error))


def _answer_invalid(request: HTTPConnection, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError | WebSocketRequestValidationError)
    errors = [
        {"location": encodable(printable(".".join(map(str, one["loc"])))), "message": one["msg"]}
        for one in error.errors()[:_MOST_ERRORS]
    ]
    first = errors[0] if errors else {"location": "the request", "message": "it cannot be read"}
    detail = f"{first['location']}: {first['message']}."
    return problem_response(request.scope, HttpProblem(422, detail, extra={"errors": errors}))


def _answer_gone(request: HTTPConnection, _error: Exception) -> JSONResponse:
    """Nobody reads this answer: the status is for the figures."""
    return problem_response(request.scope, HttpProblem(400, "The client hung up before its body was sent."))


def _answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    request_id = request_id_of(request.scope)
    _LOG.error("request %s failed by an internal error", request_id, exc_info=error)
    detail = f"Something unexpected went wrong: the program's log says what, under the id {request_id}."
    return problem_response(request.scope, HttpProblem(500, detail, headers={"X-Request-ID": request_id}))
