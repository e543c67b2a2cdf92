"""A service behind HTTPS whose clients stick to their task: it rolls, and nobody notices."""

from __future__ import annotations

import http.client
import json
import signal
import ssl
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from controller.rehearsal.drill import Drill
from tests.drills.stage import Stage, good

pytestmark = pytest.mark.sandbox


class Visitor(threading.Thread):
    """A client that keeps its cookies: what it met, answer by answer. It makes a new connection every time."""

    def __init__(self, host: str, trust: ssl.SSLContext) -> None:
        super().__init__(daemon=True)
        self.met: list[str] = []  # tasks, or what went wrong
        self.leave = threading.Event()
        self._host, self._trust = host, trust
        self._cookie = ""

    def run(self) -> None:
        while not self.leave.wait(0.2):
            self.met.append(self._visit())

    def _visit(self) -> str:
        connection = http.client.HTTPSConnection(self._host, timeout=10, context=self._trust)
        try:
            connection.request("GET", "/", headers={"Cookie": self._cookie} if self._cookie else {})
            answer = connection.getresponse()
            body = answer.read()
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie" and value.startswith("AWSALB="):
                    self._cookie = value.partition(";")[0]
            return str(json.loads(body)["task"]) if answer.status == 200 else f"status {answer.status}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            return f"failed: {error!r}"
        finally:
            connection.close()

    @property
    def moves(self) -> int:
        return sum(1 for one, other in zip(self.met, self.met[1:], strict=False) if one != other)


def test_sticky_clients_of_an_https_service_are_moved_and_none_fails(
    sandbox: Drill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host is replaced under them; `watch` verifies the certificate by the sandbox's authority meanwhile."""
    arn = sandbox.client("acm").request_certificate(DomainName="shop.test")["CertificateArn"]
    listeners = {"http": {"port": 80, "redirect": "https"}, "https": {"port": 443, "certificate": arn}}
    stage = Stage(sandbox, "secure", tmp_path)
    stage.choose(load_balancer__listeners=listeners, load_balancer__drop_invalid_headers=True)
    stage.choose(hosts__main__size={"min": 1, "desired": 1, "max": 2}, services__web__desired=2)
    stage.choose(hosts__main__rollout={"bake": "1s"}, services__web__deregistration_delay="3s")
    stage.choose(services__web__route={"listener": "https"}, services__web__stickiness={"duration": "1h"})
    good(sandbox.run("apply", stage.choose(services__web__image="example.org/shop:1").spec, "--yes"))
    with urllib.request.urlopen(f"{sandbox.url}/_sandbox/ca") as answer:
        pem = answer.read().decode()
    (tmp_path / "ca.pem").write_text(pem)
    monkeypatch.setitem(sandbox.env, "SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    plain = stage.url().removeprefix("http://")
    secure = f"{plain.partition(':')[0]}:{8443 if ':' in plain else 443}"
    visitors = [Visitor(secure, ssl.create_default_context(cadata=pem)) for _ in range(3)]

    watching = sandbox.start("watch", f"https://{secure}", "--rate", "25", "-o", "json")
    for one in visitors:
        one.start()
    time.sleep(1)
    good(sandbox.run("apply", stage.choose(hosts__main__instance_type="t3.large").spec, "--yes"))
    for one in visitors:
        one.leave.set()
        one.join(10)
    watching.signal(signal.SIGINT)
    report = watching.wait(60).json()

    assert (report["failed"], report["sent"] > 100) == (0, True), report
    for one in visitors:
        assert [met for met in one.met if met.startswith(("failed", "status"))] == []
        assert 1 <= one.moves <= len(one.met) // 5, one.met  # without cookies every other visit meets another task
