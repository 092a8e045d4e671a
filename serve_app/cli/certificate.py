"""A certificate for this machine's own names, for browsers that give their microphone to https pages only.

It is signed by an authority of its own, whose key is thrown away at once: a phone that is told to trust that
authority trusts this one certificate, and nobody, not even this machine, can ever make another one with it.
"""

import hashlib
import ipaddress
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deployments.errors import BadInput

FOLDER = Path("~/.local/share/realtime-avatar/tls")
VALID = timedelta(days=397)
"""Phones refuse certificates that are valid for longer than 825 days, some for longer than 398."""
RENEWED_BEFORE_END = timedelta(days=30)
CLOCKS_MAY_DIFFER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files: the chain that the server shows, its key, and, where we made them, the authority to be trusted."""

    chain: Path
    key: Path
    authority: Path | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the server's own certificate, as browsers show it."""
        der = x509.load_pem_x509_certificates(self.chain.read_bytes())[0].public_bytes(serialization.Encoding.DER)
        return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())


def given(chain: Path, key: Path) -> Certificate:
    """A certificate that somebody else has made. Raises BadInput where the two files cannot be used."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"TLS cannot be used with {chain} and {key}: {error}. Both have to be PEM files that belong together, the "
            "key without a password."
        ) from error
    return Certificate(chain.absolute(), key.absolute())


def self_signed(names: Sequence[str], folder: Path = FOLDER) -> Certificate:
    """The certificate in `folder`, or a new one where that is missing, near its end or lacks one of `names`, which are
    host names and IP addresses."""
    folder = folder.expanduser().absolute()
    certificate = Certificate(folder / "certificate.pem", folder / "key.pem", folder / "authority.pem")
    if not _serves(certificate, names):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(certificate, names)
    return certificate


def _no_password() -> str:
    raise ValueError("the key has a password")


def _serves(certificate: Certificate, names: Sequence[str]) -> bool:
    try:
        given(certificate.chain, certificate.key)
        found = x509.load_pem_x509_certificates(certificate.chain.read_bytes())[0]
        known = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (BadInput, ValueError, x509.ExtensionNotFound):
        return False
    wanted = {_general_name(name) for name in names}
    return wanted <= set(known) and found.not_valid_after_utc > datetime.now(UTC) + RENEWED_BEFORE_END


def _make(certificate: Certificate, names: Sequence[str]) -> None:
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _named(f"Realtime Avatar on {names[0]}, made {datetime.now(UTC):%Y-%m-%d %H:%M}")
    authority = _builder(issuer, issuer, authority_key.public_key(), authority_key.public_key())
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    authority = authority.add_extension(_usage(signs_certificates=True), critical=True)
    leaf = _builder(_named(names[0]), issuer, key.public_key(), authority_key.public_key())
    leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    leaf = leaf.add_extension(_usage(signs_certificates=False), critical=True)
    leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    leaf = leaf.add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
    pems = [
        built.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        for built in (leaf, authority)
    ]
    # the chain goes last: a server that starts meanwhile finds the old pair, or one that does not fit and is replaced
    _write(certificate.key, _pem_of(key))
    if certificate.authority is not None:
        _write(certificate.authority, pems[1], 0o644)
    _write(certificate.chain, b"".join(pems), 0o644)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, issuer_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_MAY_DIFFER)
        .not_valid_after(now - CLOCKS_MAY_DIFFER + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])  # RFC 5280: at most 64 characters


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Whole or not at all, and never readable for others where `mode` says so."""
    part = path.with_suffix(f".{os.getpid()}.part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
    part.replace(path)
