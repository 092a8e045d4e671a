"""By which names and addresses other machines may reach this one."""

import fcntl
import ipaddress
import re
import socket
import struct

_SIOCGIFADDR = 0x8915
"""ioctl of Linux, netdevice(7): the IPv4 address of an interface."""
_INNER = re.compile(r"(lo|docker|br-|veth|virbr|cni|flannel|cali|tun|tap)")
"""Interfaces by which no phone comes."""
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*")
EVERY_ADDRESS = ("0.0.0.0", "::", "")
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


def is_local(host: str) -> bool:
    """Whether nobody but this machine reaches a server at `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def lan_addresses() -> list[str]:
    """The IPv4 address of each interface that leads out. IPv6 ones change daily for privacy, and are left out."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            if _INNER.match(name):
                continue
            try:
                answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # it has none
            found.append(socket.inet_ntoa(answer[20:24]))
    return sorted(set(found))


def own_names(host: str) -> list[str]:
    """What a certificate for a server at `host` has to name."""
    names = [*LOCAL_NAMES]
    if not is_local(host):
        own = socket.gethostname()
        short = own.split(".")[0]
        names += [name for name in (own, short, f"{short}.local") if _HOST_NAME.fullmatch(name)]
        names += lan_addresses() if host in EVERY_ADDRESS else [host]
    return list(dict.fromkeys(names))
