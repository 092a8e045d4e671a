"""Where a completion callback may go: public addresses only, looked at after the name is resolved."""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass

import httpx

from deployments.errors import InvalidField

_FIELD = "callback_url"
_LONGEST_URL = 2048
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL and the address that its name had when it was checked. The call goes to that address, so that the name
    cannot mean another one a moment later."""

    url: httpx.URL
    address: str

    def request(self, client: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> httpx.Request:
        """A POST to the address, with the name where TLS and the receiver look for it."""
        named = {**headers, "Host": self.url.netloc.decode("ascii")}
        extensions = {"sni_hostname": self.url.host}
        target = self.url.copy_with(host=self.address)
        return client.build_request("POST", target, content=body, headers=named, extensions=extensions)


def checked_url(text: str) -> httpx.URL:
    """Raises InvalidField for what is no http(s) URL, or carries a password or a fragment."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise InvalidField(f"{_FIELD}: is not a URL.", _FIELD) from error
    if len(text) > _LONGEST_URL or url.scheme not in ("http", "https") or not url.host or url.userinfo or url.fragment:
        raise InvalidField(f"{_FIELD}: has to be an http or https URL without user, password and fragment.", _FIELD)
    return url


async def destination(text: str, private: bool) -> Destination:
    """Resolves the URL's name. Raises InvalidField where it has no address or, unless `private`, one that is not
    public."""
    url = checked_url(text)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InvalidField(f"{_FIELD}: {url.host[:100]!r} has no address.", _FIELD) from error
    addresses = [str(entry[4][0]).split("%")[0] for entry in found]
    for address in addresses:
        if not private and not is_public(ipaddress.ip_address(address)):
            raise InvalidField(
                f"{_FIELD}: {url.host[:100]!r} is not a public address. An operator who wants calls into the own "
                "network sets jobs.callback_private.",
                _FIELD,
            )
    return Destination(url, addresses[0])


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could be meant, whatever the address is wrapped in (RFC 4291, 3056, 4380,
    6052)."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if not all(is_public(one) for one in inner if one is not None):
            return False
    return address.is_global and not address.is_multicast
