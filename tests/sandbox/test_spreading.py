"""Which target a request goes to: algorithms, slow start, cookies, redirects and certificates, in tables."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from controller.sandbox import stickiness
from controller.sandbox.health import Settings, View
from controller.sandbox.routing import Certificate, Group, Redirect, Target, chosen, location
from controller.sandbox.spreading import Spreading, same_target
from controller.sandbox.stickiness import Sticky

ONE, TWO, THREE = (Target("g", "i", port, "127.0.0.1", None) for port in (1, 2, 3))
HEALTHY, SICK = View("healthy"), View("unhealthy")
DAY = 86400.0


def group(algorithm: str = "round_robin", slow_start: float = 0, sticky: Sticky | None = None) -> Group:
    return Group("/", Settings(), 5.0, algorithm, slow_start, sticky)


def spread(spreading: Spreading, of: Group, times: int, now: float = 0.0, busy: int = 0) -> Counter[int]:
    """How often each of three targets is chosen; the first has *busy* requests in flight."""
    chosen_ones = [
        spreading.choose("g", of, [ONE, TWO, THREE], lambda place: busy if place == ONE.place else 0, now)
        for _ in range(times)
    ]
    return Counter(one.port for one in chosen_ones)


@pytest.mark.parametrize(
    ("algorithm", "busy", "expected"),
    [
        pytest.param("round_robin", 9, {1: 100, 2: 100, 3: 100}, id="in turn, however busy"),
        pytest.param("least_outstanding_requests", 9, {2: 150, 3: 150}, id="the least busy, in turn among equals"),
        pytest.param("least_outstanding_requests", 0, {1: 100, 2: 100, 3: 100}, id="all equal"),
    ],
)
def test_algorithms(algorithm: str, busy: int, expected: dict[int, int]) -> None:
    assert spread(Spreading(random.Random(1)), group(algorithm), 300, busy=busy) == expected


def test_weighted_random_is_even_and_not_in_turn() -> None:
    found = spread(Spreading(random.Random(1)), group("weighted_random"), 3000)

    assert all(abs(number - 1000) < 120 for number in found.values())
    assert found != {1: 1000, 2: 1000, 3: 1000}


@pytest.mark.parametrize(("after", "part"), [(0.0, 0.0), (15.0, 0.5), (30.0, 1.0), (90.0, 1.0)])
def test_a_target_that_turns_healthy_gets_a_share_that_grows_linearly(after: float, part: float) -> None:
    """aws.md 2.3: the others are at full speed."""
    spreading, slow = Spreading(random.Random(1)), group(slow_start=30)
    views = {ONE.place: HEALTHY, TWO.place: HEALTHY}
    spreading.saw(THREE.place, HEALTHY, views, slow, 100.0)

    found = spread(spreading, slow, 3000, now=100.0 + after)

    assert abs(found[3] - 3000 * part / (2 + part)) < 120


@pytest.mark.parametrize(
    ("views", "slow"),
    [
        pytest.param({}, False, id="the first of its group"),
        pytest.param({ONE.place: SICK}, False, id="the only healthy one"),
        pytest.param({ONE.place: HEALTHY}, True, id="another is at full speed"),
        pytest.param({THREE.place: HEALTHY, ONE.place: HEALTHY}, False, id="it was healthy before"),
        pytest.param({THREE.place: SICK, ONE.place: HEALTHY}, True, id="it recovers"),
    ],
)
def test_who_starts_slowly(views: dict[tuple[str, str, int], View], slow: bool) -> None:
    """elb-ug, "Slow start mode": beside one healthy target that is not starting slowly itself."""
    spreading, of = Spreading(random.Random(1)), group(slow_start=30)

    spreading.saw(THREE.place, HEALTHY, views, of, 0.0)

    assert (spread(spreading, of, 30)[3] < 8) is slow


def test_two_that_start_together_beside_a_healthy_one_both_start_slowly_and_sickness_ends_it() -> None:
    spreading, of = Spreading(random.Random(1)), group(slow_start=30)
    spreading.saw(TWO.place, HEALTHY, {ONE.place: HEALTHY}, of, 0.0)
    spreading.saw(THREE.place, HEALTHY, {ONE.place: HEALTHY, TWO.place: HEALTHY}, of, 0.0)
    assert spread(spreading, of, 100)[1] > 95

    for one in (TWO, THREE):
        spreading.saw(one.place, SICK, {ONE.place: HEALTHY, TWO.place: HEALTHY, THREE.place: HEALTHY}, of, 1.0)
    assert spread(spreading, of, 30) == {1: 10, 2: 10, 3: 10}


@pytest.mark.parametrize(
    ("usable", "at", "key", "expected"),
    [
        pytest.param([ONE, TWO], 1000.0, "k", TWO, id="the same target"),
        pytest.param([ONE], 1000.0, "k", None, id="its target is gone, sick or draining"),
        pytest.param([ONE, TWO], 1000.0 + DAY, "k", TWO, id="to the last second"),
        pytest.param([ONE, TWO], 1001.0 + DAY, "k", None, id="too old"),
        pytest.param([ONE, TWO], 1000.0, "other", None, id="of another load balancer"),
    ],
)
def test_a_cookie_binds_its_client(usable: list[Target], at: float, key: str, expected: Target | None) -> None:
    """elb-ug sticky-sessions."""
    value = stickiness.seal(str(TWO.place), 1000.0, "k")

    assert same_target(group(sticky=Sticky(DAY)), usable, value, at, key) == expected


@pytest.mark.parametrize("value", ["", "x", "AAAA", "AAAAAAAAAAAAAAAA", "ä"])
def test_a_cookie_that_is_none_of_ours_binds_nobody(value: str) -> None:
    assert same_target(group(sticky=Sticky(DAY)), [ONE], value, 0.0, "k") is None


@pytest.mark.parametrize(
    ("sticky", "line", "expected"),
    [
        pytest.param(Sticky(1), b"Cookie: a=b; AWSALB=x; AWSALBCORS=y", "x", id="its own"),
        pytest.param(Sticky(1), b"cookie: AWSALBCORS=y", "y", id="the one for other origins"),
        pytest.param(Sticky(1, "S"), b"Cookie: AWSALBAPP=x; S=1", "x", id="with the application's"),
        pytest.param(Sticky(1, "S"), b"Cookie: AWSALBAPP=x", "", id="without the application's"),
        pytest.param(Sticky(1, "S"), b"Cookie: AWSALB=x; S=1", "", id="of another kind"),
        pytest.param(Sticky(1), b"X-Cookie: AWSALB=x", "", id="no cookie"),
    ],
)
def test_which_cookie_counts(sticky: Sticky, line: bytes, expected: str) -> None:
    assert stickiness.asked(sticky, stickiness.cookies([b"Host: x", line])) == expected


def test_a_cookie_is_kept_for_a_week_and_crosses_origins_as_browsers_ask() -> None:
    """elb-ug sticky-sessions; the form as in gh aws-load-balancer-controller#884."""
    own, cors = stickiness.headers(Sticky(60), "v", 0.0, secure=True)

    assert own == b"Set-Cookie: AWSALB=v; Expires=Thu, 08 Jan 1970 00:00:00 GMT; Path=/"
    assert cors == own.replace(b"AWSALB", b"AWSALBCORS") + b"; SameSite=None; Secure"
    assert stickiness.headers(Sticky(60, "S"), "v", 0.0, secure=False)[0].startswith(b"Set-Cookie: AWSALBAPP=v; ")


@pytest.mark.parametrize(
    ("change", "target", "expected"),
    [
        pytest.param({}, "/a%20b?x=1&y", "https://h:443/a%20b?x=1&y", id="everything is kept"),
        pytest.param({}, "/", "https://h:443/", id="no query"),
        pytest.param({}, "http://other/a?b", "https://h:443/a?b", id="an absolute target"),
        pytest.param({"path": "/new/#{path}", "query": ""}, "/a?x", "https://h:443/new/a", id="another path"),
        pytest.param({"host": "www.#{host}", "port": "#{port}"}, "/", "https://www.h:8080/", id="another host"),
        pytest.param({"protocol": "#{protocol}", "port": "81"}, "/", "http://h:81/", id="another port"),
    ],
)
def test_where_a_redirect_leads(change: dict[str, str], target: str, expected: str) -> None:
    """bc elbv2:RedirectActionConfig."""
    parts = {"protocol": "HTTPS", "host": "#{host}", "port": "443", "path": "/#{path}", "query": "#{query}"}

    assert location(Redirect(301, **parts | change), "HTTP", "h", 8080, target) == expected


@pytest.mark.parametrize(
    ("name", "place"),
    [("a.example", 1), ("x.example", 2), ("A.Example", 1), ("deep.x.example", 0), ("other", 0)],
)
def test_which_certificate_a_name_gets(name: str, place: int) -> None:
    """Its own before a wildcard, the default one for every other (elb-ug create-https-listener)."""
    certificates = [Certificate(names, "", "") for names in (("main",), ("a.example",), ("*.example",))]

    assert chosen(certificates, name) == place
