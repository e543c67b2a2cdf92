"""What is not AWS and answers all the same (a portal, a proxy), and settings that nothing can be made of."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.aws.client import connect
from controller.base.errors import NotYet, Refused


class Portal(http.server.BaseHTTPRequestHandler):
    """Answers everything with a page."""

    def do_POST(self) -> None:
        body = b"<html><br>Please sign in</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Portal) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("portal")
def test_a_page_is_no_answer() -> None:
    """Every pass asks services that speak XML; a page where JSON is spoken botocore takes for an empty answer."""
    aws = connect("us-east-1", None)
    ask = aws.ec2.describe_vpcs

    with pytest.raises(Refused, match=r"what answered is not AWS.*check AWS_ENDPOINT_URL and proxies"):
        ask()
    aws.answered = True  # earlier, before somebody's session at the portal ended: that passes
    with pytest.raises(NotYet, match="what answered is not AWS"):
        ask()


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("AWS_ENDPOINT_URL", "http://a b", "is not the address of an endpoint"),
        ("AWS_ENDPOINT_URL", "http://a\nb", "is not the address of an endpoint"),
        ("AWS_ENDPOINT_URL_ECS", "http://a b", "AWS configuration of ecs: Invalid endpoint"),
    ],
)
def test_an_address_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, words: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv(setting, value)

    with pytest.raises(Refused, match=words):
        connect("us-east-1", None).ecs.list_clusters()


def test_a_program_for_credentials_that_says_something_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[default]\ncredential_process = echo no json\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(Refused, match="AWS configuration"):
        connect("us-east-1", None)
