"""The TLS end of a listener: its certificates, which of them a client gets, and what versions it may speak."""

from __future__ import annotations

import ssl
import tempfile

from controller.sandbox.routing import Certificate, Secure, chosen

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class Terminator:
    """One server context for as long as its listener lives: what changes is changed in it, for handshakes to come."""

    def __init__(self) -> None:
        self.context = _context()
        self._secure = Secure("", ())
        self._contexts: list[ssl.SSLContext] = []
        self.context.sni_callback = self._choose

    def take(self, secure: Secure) -> None:
        """Serve these certificates. Raises ssl.SSLError for one that is none."""
        if secure == self._secure:
            return
        contexts = [_context() for _ in secure.certificates]
        for context, certificate in zip(contexts, secure.certificates, strict=True):
            _load(context, certificate)
        if secure.certificates:
            _load(self.context, secure.certificates[0])
        self.context.minimum_version, self.context.maximum_version = versions(secure.policy)
        self._secure, self._contexts = secure, contexts

    def _choose(self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if name and self._contexts:
            connection.context = self._contexts[chosen(self._secure.certificates, name)]


def versions(policy: str) -> tuple[ssl.TLSVersion, ssl.TLSVersion]:
    """The oldest and the newest version a policy takes. OpenSSL here has none before 1.2, so older ones are left out.

    >>> versions("ELBSecurityPolicy-TLS13-1-3-2021-06")[0].name, versions("ELBSecurityPolicy-2016-08")[1].name
    ('TLSv1_3', 'TLSv1_2')
    """
    if "TLS13-1-3" in policy:
        return V13, V13
    return V12, V13 if "TLS13" in policy else V12


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _load(context: ssl.SSLContext, certificate: Certificate) -> None:
    """The SDK of TLS reads files only: one that nobody else can read, and that is gone at once."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(f"{certificate.chain}\n{certificate.key}")
        file.flush()
        context.load_cert_chain(file.name)
