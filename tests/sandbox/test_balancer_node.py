"""One balancer node with real connections: TLS, redirects, cookies, and headers that are not passed on."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from moto.backends import get_backend

from controller.sandbox.authority import Authority
from controller.sandbox.balancer import Balancer
from controller.sandbox.health import View

HOST = "127.0.0.1"


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: str

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def jar(self) -> str:
        """The cookies it sets, as the next request sends them."""
        return "; ".join(value.partition(";")[0] for value in self.all("set-cookie"))


@dataclass
class Front:
    """A node, its two listeners, and targets that answer with their name and the head they got."""

    balancer: Balancer
    http: int
    https: int
    names: dict[int, str]
    group: dict[str, Any]
    more: dict[str, Any]
    secure: dict[str, Any]
    draining: set[int] = field(default_factory=set)

    async def tell(self) -> None:
        """Make the node know the present state of affairs."""
        targets = [
            {"id": "i", "port": port, "address": HOST, "draining_since": 4e9 if port in self.draining else None}
            for port in self.names
        ]
        redirect = {"status": 301, "protocol": "HTTPS", "host": "#{host}", "port": str(self.https)}
        redirect |= {"path": "/#{path}", "query": "#{query}"}
        checks = {"path": "/health", "interval": 60, "timeout": 2, "healthy": 2, "unhealthy": 2, "matcher": "200"}
        rules = [{"priority": None, "forward": [["g", 1]]}]
        await self.balancer.take(
            {
                "lag_max": 0.0,
                "listeners": [
                    {"arn": "a", "host": HOST, "port": self.http, "rules": [{"priority": None, "redirect": redirect}]},
                    {"arn": "b", "host": HOST, "port": self.https, "rules": rules, "secure": self.secure},
                ],
                "groups": {"g": {**checks, "delay": 60, "targets": targets, **self.group}},
                "key": "k",
                **self.more,
            }
        )
        await asyncio.sleep(0.02)  # what reaches a node late does so from the loop

    async def ask(
        self, path: str = "/", cookie: str = "", *, trust: str = "", name: str = "", more: str = ""
    ) -> Answer:
        """One request to the HTTPS listener, or to the other one when nothing is trusted."""
        context = ssl.create_default_context(cadata=trust) if trust else None
        port = self.https if trust else self.http
        reader, writer = await asyncio.open_connection(
            HOST, port, ssl=context, server_hostname=(name or HOST) if trust else None
        )
        lines = [f"GET {path} HTTP/1.1", f"Host: shop.test:{port}", "Connection: close", *([more] if more else [])]
        lines += [f"Cookie: {cookie}"] if cookie else []
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        first, *rest = head.split("\r\n")
        headers = [(key.lower(), value.strip()) for key, _, value in (line.partition(":") for line in rest)]
        return Answer(int(first.split()[1]), headers, body)


async def target(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        writer.close()
        return
    body = json.dumps({"name": name, "head": head})
    session = "Set-Cookie: SESSION=1; HttpOnly\r\n" if "/login" in head.split("\r\n")[0] else ""
    writer.write(f"HTTP/1.1 200 OK\r\n{session}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
    writer.close()


@asynccontextmanager
async def front(secure: dict[str, Any], group: dict[str, Any], more: dict[str, Any]) -> AsyncIterator[Front]:
    names: dict[int, str] = {}
    servers = []
    for name in ("red", "blue", "green"):

        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str = name) -> Any:
            return target(name, reader, writer)

        servers.append(await asyncio.start_server(serve, HOST, 0))
        names[servers[-1].sockets[0].getsockname()[1]] = name
    one = Front(Balancer(random.Random(1)), free(), free(), names, group, more, secure)
    await one.tell()
    try:
        yield one
    finally:
        await one.balancer.take({"listeners": [], "groups": {}, "lag_max": 0.0})
        for server in servers:
            server.close()


def free() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> dict[str, Any]:
    """What is served for a certificate that ACM issued for shop.test."""
    acm = get_backend("acm")["123456789012"]["us-east-1"]
    arn = acm.request_certificate("shop.test", None, [], [])
    served = authority.serving("123456789012", "us-east-1", arn, HOST)
    assert served is not None
    return served


@pytest.fixture
def run(certificate: dict[str, Any]) -> Callable[..., None]:
    def play(scene: Callable[[Front], Coroutine[Any, Any, None]], *, more: Any = None, **group: Any) -> None:
        async def whole() -> None:
            async with front({"policy": "", "certificates": [certificate]}, group, more or {}) as one:
                await asyncio.wait_for(scene(one), 20)

        asyncio.run(whole())

    return play


def told(answer: Answer) -> Any:
    return json.loads(answer.body)


def test_http_is_redirected_by_the_balancer_itself_and_https_is_verified(
    run: Callable[..., None], authority: Authority
) -> None:
    """301 as the real one writes it; a certificate for the names and for the address, by the sandbox's authority."""

    async def scene(one: Front) -> None:
        moved = await one.ask("/a%20b?c=d")
        assert (moved.status, moved.all("server")) == (301, ["awselb/2.0"])
        assert moved.all("location") == [f"https://shop.test:{one.https}/a%20b?c=d"]
        for name in ("", "shop.test"):
            answer = await one.ask(trust=authority.pem, name=name)
            assert (answer.status, answer.all("set-cookie")) == (200, [])
            assert "\r\nX-Forwarded-Proto: https\r\n" in told(answer)["head"]
        with pytest.raises(ssl.SSLError):
            await one.ask(trust=authority.pem, name="other.test")

    run(scene)


def test_other_certificates_are_served_without_a_listener_opened_anew(
    run: Callable[..., None], authority: Authority, certificate: dict[str, Any]
) -> None:
    """An imported one is served as it is, to whoever asks for its name; a policy rules out what it does not take."""
    acm = get_backend("acm")["123456789012"]["us-east-1"]
    other = Authority()
    leaf = other._issue(["other.test"], HOST)
    arn = acm.import_certificate(leaf["chain"].encode(), leaf["key"].encode(), None, None, [])
    imported = authority.serving("123456789012", "us-east-1", arn, HOST)

    async def scene(one: Front) -> None:
        one.secure = {"policy": "ELBSecurityPolicy-TLS13-1-3-2021-06", "certificates": [certificate, imported]}
        await one.tell()
        assert (await one.ask(trust=other.pem, name="other.test")).status == 200
        assert (await one.ask(trust=authority.pem, name="shop.test")).status == 200
        old = ssl.create_default_context(cadata=authority.pem)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(OSError):
            await asyncio.open_connection(HOST, one.https, ssl=old, server_hostname=HOST)

    run(scene)


def test_a_cookie_keeps_a_client_at_its_target_until_that_drains_or_is_sick(
    run: Callable[..., None], authority: Authority
) -> None:
    """Then another is chosen and the cookie renewed; without one, targets take turns (elb-ug sticky-sessions)."""

    async def scene(one: Front) -> None:
        first = await one.ask(trust=authority.pem)
        home, jar = told(first)["name"], first.jar
        assert [value.split("=")[0] for value in first.all("set-cookie")] == ["AWSALB", "AWSALBCORS"]
        same = [await one.ask(cookie=jar, trust=authority.pem) for _ in range(4)]
        assert {told(answer)["name"] for answer in same} == {home}
        assert {told(await one.ask(trust=authority.pem))["name"] for _ in range(3)} == {"red", "blue", "green"}

        port = next(port for port, name in one.names.items() if name == home)
        one.draining.add(port)
        await one.tell()
        moved = await one.ask(cookie=jar, trust=authority.pem)
        second = told(moved)["name"]
        assert second != home
        assert told(await one.ask(cookie=moved.jar, trust=authority.pem))["name"] == second

        place = ("g", "i", next(port for port, name in one.names.items() if name == second))
        one.balancer.node.saw(place, View("unhealthy"))
        third = told(await one.ask(cookie=moved.jar, trust=authority.pem))["name"]
        assert third not in {home, second}

    run(scene, sticky={"duration": 60})


def test_the_application_decides_who_sticks(run: Callable[..., None], authority: Authority) -> None:
    """AWSALBAPP comes with the application's cookie, and counts only beside it."""

    async def scene(one: Front) -> None:
        assert (await one.ask(trust=authority.pem)).all("set-cookie") == []
        login = await one.ask("/login", trust=authority.pem)
        assert [value.split("=")[0] for value in login.all("set-cookie")] == ["SESSION", "AWSALBAPP"]
        same = [await one.ask(cookie=login.jar, trust=authority.pem) for _ in range(4)]
        assert {told(answer)["name"] for answer in same} == {told(login)["name"]}
        assert all(value.startswith("AWSALBAPP=") for answer in same for value in answer.all("set-cookie"))
        alone = login.jar.partition("; ")[2]
        assert {told(await one.ask(cookie=alone, trust=authority.pem))["name"] for _ in range(3)} == set(
            one.names.values()
        )

    run(scene, sticky={"duration": 60, "cookie": "SESSION"})


@pytest.mark.parametrize("drop", [True, False])
def test_headers_with_odd_names_are_dropped_when_asked_for(
    run: Callable[..., None], authority: Authority, drop: bool
) -> None:
    """bc elbv2:LoadBalancerAttribute."""

    async def scene(one: Front) -> None:
        answer = await one.ask(trust=authority.pem, more="X_Odd: 1\r\nX-Even: 1")
        assert ("X_Odd" in told(answer)["head"], "X-Even" in told(answer)["head"]) == (not drop, True)

    run(scene, more={"drop_invalid": drop})


# ------------------------------------------------------------------------------------------------ zones come and go
def test_a_node_that_joins_listens_when_it_has_judged_its_targets(
    run: Callable[..., None], authority: Authority
) -> None:
    """Until then clients are led to the others: it would not know whom to ask."""

    async def scene(one: Front) -> None:
        second = Front(
            Balancer(random.Random(2), joins=True), free(), free(), one.names, one.group, one.more, one.secure
        )
        refused = []
        second.balancer.node.views.clear()
        await second.tell()
        for _ in range(100):
            try:
                answer = await second.ask(trust=authority.pem)
            except ConnectionRefusedError:
                refused.append(set(second.balancer.node.views))
                await asyncio.sleep(0.02)
            else:
                break
        assert answer.status == 200
        assert len(second.balancer.node.views) == len(one.names)
        assert all(len(views) < len(one.names) for views in refused)
        await second.balancer.take({"listeners": [], "groups": {}, "lag_max": 0.0})

    run(scene)


def test_a_node_that_leaves_answers_whom_it_has_and_who_waits_to_be_accepted(run: Callable[..., None]) -> None:
    """A kept connection gets its next answer, and is told that it is the last; nobody new gets in."""

    async def scene(one: Front) -> None:
        reader, writer = await asyncio.open_connection(HOST, one.http)
        await asyncio.sleep(0.05)
        waiting = [await asyncio.open_connection(HOST, one.http) for _ in range(5)]  # in the backlog, not accepted yet
        await one.balancer.take({"leave": True})
        gone = asyncio.ensure_future(one.balancer.gone())
        await asyncio.sleep(0.1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, one.http)
        assert not gone.done()
        for from_it, to_it in [(reader, writer), *waiting]:
            to_it.write(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
            head = (await from_it.read()).decode()  # it hangs up after the answer
            assert head.startswith("HTTP/1.1 301 ")
            assert "Connection: close" in head
        await asyncio.wait_for(gone, 5)
        assert one.balancer.node.counts.answered == 6

    run(scene)
