"""The kinds of errors that OpenAI's clients tell apart, on every door and over the socket."""

_BY_STATUS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def error_type(status: int) -> str:
    """The `type` of an error by its HTTP status: other 4xx are invalid_request_error, 5xx are server_error."""
    return _BY_STATUS.get(status, "server_error" if status >= 500 else "invalid_request_error")
