"""The certificates that listeners serve, and the sandbox's own certificate authority.

A certificate that was imported into ACM or IAM is served as it is. One that ACM issued is issued here, by an authority
made for this sandbox alone, for its names and for the address that the load balancer listens on: what asks for it by
the address can verify it, given ``GET /_sandbox/ca``.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

from moto.backends import get_backend

NAME = "theseus sandbox"
LIFE = timedelta(days=365)
Json = dict[str, Any]


class Authority:
    """Keys are made when they are first wanted: most sandboxes never have an HTTPS listener."""

    def __init__(self) -> None:
        self._served: dict[tuple[str, str, bytes], Json] = {}

    @property
    def pem(self) -> str:
        """What a client has to trust."""
        return _pem(self._own[0])

    def serving(self, account: str, region: str, arn: str, ip: str) -> Json | None:
        """``{"names", "chain", "key"}`` of a certificate at an address; None for one that is not there."""
        found = _stored(account, region, arn)
        if found is None:
            return None
        issued, certificate, chain, key = found
        place = (arn, ip, certificate)
        if place not in self._served:
            names = _names(certificate)
            self._served[place] = (
                self._issue(names, ip)
                if issued
                else {"names": names, "chain": (certificate + b"\n" + chain).decode(), "key": key.decode()}
            )
        return self._served[place]

    def _issue(self, names: list[str], ip: str) -> Json:
        from cryptography import x509

        ca, ca_key = self._own
        key = _key()
        described = [*(x509.DNSName(name) for name in names), x509.IPAddress(ipaddress.ip_address(ip))]
        leaf = (
            _builder(names[0] if names else ip, ca.subject, key)
            .add_extension(x509.SubjectAlternativeName(described), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
            .sign(ca_key, _hash())
        )
        return {"names": names, "chain": _pem(leaf), "key": _key_pem(key)}

    @cached_property
    def _own(self) -> tuple[Any, Any]:
        """The authority's certificate and key."""
        from cryptography import x509

        key = _key()
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
             "decipher_only"),
            False,
        )  # fmt: skip
        own = (
            _builder(NAME, x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)]), key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, **usage), critical=True
            )
            .sign(key, _hash())
        )
        return own, key


def _stored(account: str, region: str, arn: str) -> tuple[bool, bytes, bytes, bytes] | None:
    """(whether ACM issued it, certificate, chain, key), as moto keeps them."""
    if ":acm:" in arn:
        from moto.acm.models import AWS_ROOT_CA

        bundle = get_backend("acm")[account][region]._certificates.get(arn)
        if bundle is None:
            return None
        return bundle.type != "IMPORTED", bundle.cert, bundle.chain.replace(AWS_ROOT_CA, b"").strip(), bundle.key
    stored = get_backend("iam")[account]["aws"].get_certificate_by_arn(arn)
    if stored is None:
        return None
    return False, stored.cert_body.encode(), (stored.cert_chain or "").encode(), stored.private_key.encode()


@lru_cache(maxsize=256)
def _names(certificate: bytes) -> list[str]:
    """The host names a certificate is for; none when it cannot be read."""
    from cryptography import x509

    try:
        parsed = x509.load_pem_x509_certificate(certificate)
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return []
    return list(names.get_values_for_type(x509.DNSName))


def _builder(name: str, issuer: Any, key: Any) -> Any:
    from cryptography import x509

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _hash() -> Any:
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA256()


def _pem(certificate: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    text: str = certificate.public_bytes(Encoding.PEM).decode()
    return text


def _key_pem(key: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    text: str = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return text
