"""The prober over TLS: a certificate that the machine trusts is watched, another is a clear refusal."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from controller.base.errors import Refused
from controller.report.probe_result import Result
from controller.report.prober import WatchOptions, watch
from tests.report_prober.server import Server

OPTIONS = WatchOptions(rate=100, duration=timedelta(seconds=0.3), fresh_ratio=0.5, seed=3)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate and its key in one file, for this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    plain, pem = serialization.NoEncryption(), serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def watched(certificate: Path) -> tuple[Result, Server]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with Server(lambda number, path: "truncated" if number % 10 == 0 else "ok", tls=context) as server:
        url = f"https://localhost:{server.port}/"
        return await watch(url, OPTIONS, asyncio.Event(), lambda sample: None), server


def test_requests_over_tls_are_counted_like_any_other(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    result, server = asyncio.run(watched(certificate))

    assert (result.sent, result.ok, result.failures_by_kind) == (30, 27, {"truncated": 3})
    assert len(set(server.requests)) == 30


def test_a_certificate_nobody_vouches_for_is_refused_with_its_reason(certificate: Path) -> None:
    with pytest.raises(Refused, match="certificate verify failed"):
        asyncio.run(watched(certificate))
