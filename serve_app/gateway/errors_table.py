"""The one table from errors to answers. A failure is never a 200, and nothing internal leaks."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from deployments.errors import AtCapacity, AvatarError, Cancelled, RateLimited, Unsupported
from deployments.errors import InvalidField as InvalidField
from serve_app.error_types import error_type
from serve_app.gateway.meter import Meter

logger = logging.getLogger("ray.serve")

Endpoint = Callable[[Request], Awaitable[Response]]


class NotAcceptable(Unsupported):
    """The client asks for an answer in a form that is not offered."""

    code = "not_acceptable"
    status = 406


class Unauthorised(AvatarError):
    """The API key is missing or wrong."""

    code = "unauthorised"
    status = 401


class Forbidden(AvatarError):
    """A web page of another origin sent this."""

    code = "forbidden"
    status = 403


HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
UNEXPECTED = "Something failed inside. The server's log has the details under this request id."


@dataclass(frozen=True, slots=True)
class Answer:
    """An error as a client sees it."""

    status: int
    code: str
    message: str
    request_id: str
    field: str | None = None
    retry_after_seconds: int | None = None
    position: int | None = None

    @property
    def type(self) -> str:
        return error_type(self.status)

    def body(self) -> dict[str, dict[str, str | int | None]]:
        """OpenAI's shape and ours in one: `param` and `field` name the same, the latter only where there is one, as
        are the position in the queue and the time to wait."""
        error = {"message": self.message, "type": self.type, "param": self.field, "code": self.code}
        more = {"field": self.field, "position": self.position, "retry_after_seconds": self.retry_after_seconds}
        known = {name: value for name, value in more.items() if value is not None}
        return {"error": error | {"request_id": self.request_id} | known}

    def headers(self) -> dict[str, str]:
        headers = {} if self.retry_after_seconds is None else {"Retry-After": str(self.retry_after_seconds)}
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})

    def response(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        return JSONResponse(self.body(), self.status, {**(headers or {}), **self.headers()})


def answer_to(error: BaseException, request_id: str) -> Answer:
    """What to say about an error. One that nobody foresaw is logged and answered in general words."""
    if isinstance(error, ClientDisconnect):
        error = Cancelled("The client hung up.")
    if isinstance(error, HTTPException):
        return Answer(error.status_code, HTTP_CODES.get(error.status_code, "bad_input"), error.detail, request_id)
    if not isinstance(error, AvatarError):
        logger.error("request %s failed", request_id, exc_info=error)
        return Answer(500, "internal_error", UNEXPECTED, request_id)
    if error.status >= 500 and not isinstance(error, AtCapacity):
        logger.warning("request %s ended in %s: %s", request_id, error.code, error.message)
    return Answer(
        error.status,
        error.code,
        error.message,
        request_id,
        error.field if isinstance(error, InvalidField) else None,
        error.retry_after_seconds if isinstance(error, AtCapacity | RateLimited) else None,
        error.position if isinstance(error, AtCapacity) else None,
    )


def guarded(endpoint: Endpoint, meter: Meter) -> Endpoint:
    """The endpoint, with every error that it raises before its answer begins turned into its answer."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Exception as error:
            said = answer_to(error, request_id_of(request))
            meter.refused(said.code)
            return said.response()

    return answer


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """404 and 405 of the router, in the shape of all other errors."""
    if isinstance(error, HTTPException) and error.status_code == 404:
        error = HTTPException(404, f"There is no door at {request.url.path}. GET / lists them.")
    elif isinstance(error, HTTPException) and error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        error = HTTPException(405, f"{request.method} is not possible here. Allowed: {allowed}.", {"Allow": allowed})
    headers = error.headers if isinstance(error, HTTPException) else None
    return answer_to(error, request_id_of(request)).response(headers)


def request_id_of(request: Request) -> str:
    """The id that the middleware gave the request."""
    return str(request.scope.get("request_id", ""))
