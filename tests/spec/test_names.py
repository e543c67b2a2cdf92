"""Live names: within AWS's limits, of letters it takes, the same each time, and never the same for two things."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.base.keys import Key
from controller.spec.load import load
from controller.spec.names import LIMITS, VALID, cut, live_name, named, why_not
from controller.spec.types import (
    Deployment,
    Listener,
    LoadBalancer,
    Pool,
    Repository,
    Route,
    Scaling,
    Service,
    Size,
    Stack,
)

MINIMAL = load(str(Path(__file__).parent.parent.parent / "specs" / "minimal.yaml")).stack
WORD = st.from_regex(r"[a-z][a-z0-9]{0,7}(-[a-z0-9]{1,7}){0,2}", fullmatch=True)
LOGICAL = WORD.filter(lambda word: len(word) <= 24)
SHORT = WORD.filter(
    lambda word: len(word) <= 16 and not f"{word}-".startswith(("aws", "ecs", "fargate", "internal-", "sg-"))
)
ROUTE = Route("http", 1, ("/*",))


def stack(name: str, pools: list[str], services: list[str], repositories: list[str]) -> Stack:
    size, image = Size(1, 1, 2), MINIMAL.pools[0].image
    return dataclasses.replace(
        MINIMAL,
        name=name,
        load_balancer=LoadBalancer(("0.0.0.0/0",), (Listener("http", 80),)),
        pools=tuple(Pool(pool, "t3.small", image, size) for pool in pools),
        services=tuple(Service(one, pools[0], MINIMAL.services[0].image, 256, 256, 1, route=ROUTE) for one in services),
        repositories=tuple(Repository(one) for one in repositories),
    )


def several(least: int) -> st.SearchStrategy[list[str]]:
    return st.lists(LOGICAL, min_size=least, max_size=4, unique=True)


@settings(deadline=None, max_examples=200)
@given(SHORT, several(1), several(0), several(0))
def test_every_derived_name_is_taken_by_aws_and_nobody_elses(
    name: str, pools: list[str], services: list[str], repositories: list[str]
) -> None:
    """Whatever names the schema lets through: AWS takes what is made of them, and no two of a kind are equal."""
    one = stack(name, pools, services, repositories)
    names = [(key.kind, live_name(one, key)) for key in named(one)]

    assert [(kind, live, why_not(kind, live)) for kind, live in names if why_not(kind, live)] == []
    assert len(set(names)) == len(names)
    assert names == [(key.kind, live_name(one, key)) for key in named(one)]


@settings(deadline=None)
@given(st.from_regex(r"[a-z0-9-]{1,80}", fullmatch=True), st.integers(8, 64))
def test_a_cut_name_fits_and_does_not_end_badly(name: str, limit: int) -> None:
    short = cut(name, limit)

    assert len(short) <= limit
    assert short == name if len(name) <= limit else re.search(r"(^|[a-z0-9])-[0-9a-f]{6}$", short)


@settings(deadline=None)
@given(st.text("ab-", min_size=33, max_size=60), st.text("ab-", min_size=33, max_size=60))
def test_cut_names_are_told_apart(one: str, other: str) -> None:
    """Two names that agree in the part that is kept differ in the hash."""
    assert (cut(one, 32) == cut(other, 32)) == (one == other)


def test_a_target_group_of_the_longest_names_is_cut_with_a_hash() -> None:
    """16 + 24 + ``-blue`` is more than the 32 characters of a target group; blue and green stay apart."""
    one = stack("a" * 16, ["main"], ["b" * 24], [])
    blue, green = (live_name(one, Key("target_group", f"{'b' * 24}-{side}")) for side in ("blue", "green"))

    assert (blue[:25], len(blue), len(green)) == ("a" * 16 + "-" + "b" * 8, 32, 32)
    assert blue != green


@pytest.mark.parametrize(
    ("kind", "name", "live"),
    [
        pytest.param("cluster", "main", "tiny", id="one of its kind has the name of the stack"),
        pytest.param("load_balancer", "main", "tiny", id="the load balancer too"),
        pytest.param("auto_scaling_group", "main", "tiny-main", id="a pool called main is not one of its kind"),
        pytest.param("repository", "shop", "tiny/shop", id="a repository is in the stack's folder"),
        pytest.param("log_group", "web", "/ecs/tiny/web", id="a log group is where people look"),
        pytest.param("role", "execution-web", "tiny-execution-web", id="a role"),
        pytest.param("service", "web", "imported", id="a name that import wrote"),
    ],
)
def test_names_are_what_an_operator_would_guess(kind: str, name: str, live: str) -> None:
    one = dataclasses.replace(MINIMAL, names=(("service/web", "imported"),))

    assert live_name(one, Key(kind, name)) == live


@pytest.mark.parametrize(
    ("kind", "name", "fine"),
    [
        pytest.param("load_balancer", "a-b", True, id="hyphen inside"),
        pytest.param("load_balancer", "a-", False, id="hyphen at the end"),
        pytest.param("load_balancer", "-a", False, id="hyphen at the beginning"),
        pytest.param("target_group", "a_b", False, id="underscore"),
        pytest.param("target_group", "ä", False, id="a letter AWS does not know"),
        pytest.param("capacity_provider", "aws-x", False, id="reserved"),
        pytest.param("repository", "a/b", True, id="folder"),
        pytest.param("repository", "a--b", False, id="two hyphens"),
        pytest.param("security_group", "sg-1", False, id="like an id"),
        pytest.param("log_group", "aws/x", False, id="AWS's own logs"),
        pytest.param("launch_template", "ab", False, id="too short"),
        pytest.param("role", "x" * 65, False, id="too long"),
        pytest.param("auto_scaling_group", "a:b", False, id="colon"),
        pytest.param("service", "", False, id="empty"),
    ],
)
def test_names_that_aws_refuses(kind: str, name: str, fine: bool) -> None:
    assert (why_not(kind, name) == "") == fine


def test_every_kind_with_a_limit_has_its_letters() -> None:
    assert LIMITS.keys() == VALID.keys()
    one = stack("a", ["p"], ["s"], ["r"])
    scaled = dataclasses.replace(
        one.services[0],
        scaling=Scaling(1, 2, target_cpu=50),
        deployment=Deployment(strategy="codedeploy"),
        route=Route("http", 1, ("/*",), ()),
    )
    assert {key.kind for key in named(dataclasses.replace(one, services=(scaled,)))} == LIMITS.keys()
