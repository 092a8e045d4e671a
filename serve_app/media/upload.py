"""Request bodies, limited before they are read."""

from collections.abc import AsyncIterable

from deployments.errors import TooLarge


async def read_limited(chunks: AsyncIterable[bytes], limit_bytes: int, declared_bytes: int | None = None) -> bytes:
    """A body that arrives in chunks, such as Starlette's `request.stream()`.

    `declared_bytes` is the request's Content-Length: over the limit, nothing is read at all. A body that lies about
    its length is cut off at the limit. Raises TooLarge.
    """
    if declared_bytes is not None and declared_bytes > limit_bytes:
        raise _too_large(limit_bytes)
    body = bytearray()
    async for chunk in chunks:
        if len(body) + len(chunk) > limit_bytes:
            raise _too_large(limit_bytes)
        body += chunk
    return bytes(body)


def check_bytes(data: bytes, limit_bytes: int) -> None:
    """Raises TooLarge for an upload over the limit."""
    if len(data) > limit_bytes:
        raise _too_large(limit_bytes)


def _too_large(limit_bytes: int) -> TooLarge:
    return TooLarge(f"The upload is larger than {limit_bytes / 1e6:g} MB. Send a smaller or more compressed file.")
