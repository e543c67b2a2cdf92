"""Rules of a listener that change together: before each call that changes AWS, every path is answered by who had it or
by who shall have it."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from controller.engine.scope import Scope
from tests.resources.answers import DUO, TWO, Place, alone, answered_by, everything, route, seen_by_clients
from tests.resources.stacks import SPECS, Killed, built, mortal, stack_of


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            ("services.web.route.path=/a", "services.api.route.path=/b"),
            ("services.web.route.path=/b", "services.api.route.path=/a"),
            {"/a": {"web", "api"}, "/b": {"web", "api"}},
            id="paths exchanged",
        ),
        pytest.param(
            ("services.web.route={path: /*, priority: 200}", "services.api.route={path: /api, priority: 100}"),
            ("services.web.route={path: /*, priority: 100}", "services.api.route={path: /api, priority: 50}"),
            {"/api": {"api"}, "/x": {"web"}},
            id="both move up, one to where the other was",
        ),
        pytest.param(
            ("services.web.route={path: [/a, /api], priority: 100}", "services.api.route={path: /b, priority: 200}"),
            ("services.web.route={path: /a, priority: 100}", "services.api.route={path: [/b, /api], priority: 200}"),
            {"/api": {"web", "api"}, "/a": {"web"}, "/b": {"api"}},
            id="a path goes over",
        ),
    ],
)
def test_rules_change_together(before: tuple[str, ...], after: tuple[str, ...], expected: dict[str, set[str]]) -> None:
    world = built(DUO, *before)
    world.stack = stack_of(DUO, *after)

    _, found = seen_by_clients(world, everything(world), *((80, path) for path in expected))

    assert {path: who for (_, path), who in found.items()} == expected
    assert world.tick().plan.pending == ()


@pytest.mark.parametrize("priority", [100, 300])
def test_a_new_service_is_led_to_when_it_can_answer(tmp_path: Path, priority: int) -> None:
    """A path of the old one: it answers until the new one does, whichever is asked first."""
    world = built(
        alone(tmp_path), "services.web.route.path=[/*, /api]" if priority > 200 else "services.web.route.path=/*"
    )
    world.stack = stack_of(
        DUO, f"services.api.route={{path: /api, priority: {priority}}}", "services.web.route.path=[/x, /y]"
        if priority > 200 else "services.web.route.path=/*",
    )  # fmt: skip

    _, found = seen_by_clients(world, everything(world), (80, "/api"), (80, "/x"))

    assert found == {(80, "/api"): {"web", "api"}, (80, "/x"): {"web"}}
    assert world.tick().plan.pending == ()


def test_a_new_service_that_never_answers_gets_no_request(tmp_path: Path) -> None:
    world = built(alone(tmp_path))
    world.stack = stack_of(DUO)
    world.sim.machine.crash = lambda task, _: 1 if task.group == "service:duo-api" else None

    seen, found = seen_by_clients(world, Scope(), (80, "/api"))

    assert found == {(80, "/api"): {"web"}}
    assert {one.service: one.state for one in seen.verdicts}["api"] == "failed"
    world.sim.machine.crash = lambda _task, _definition: None
    world.stack = stack_of(DUO, "services.api.environment={FIX: '1'}")
    seen, found = seen_by_clients(world, Scope(), (80, "/api"))
    assert {one.service: one.state for one in seen.verdicts}["api"] == "succeeded"
    assert (answered_by(world, 80, "/api"), found[80, "/api"]) == ("api", {"web", "api"})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("{path: /*, priority: 200}", ("{path: /web/*, priority: 200}", "{path: /api/*, priority: 100}"),
                     id="a part of a pattern"),
        pytest.param("{path: '/api/*', priority: 200}",
                     ("{path: '/api/*', host: b.x, priority: 200}", "{path: '/api/*', priority: 100}"),
                     id="other hosts"),
        pytest.param("{path: [/a, /b, /c, /d, /api/1], priority: 200}",
                     ("{path: [/a, /b, /c, /d, /f], priority: 200}", "{path: /api/1, priority: 100}"),
                     id="of five values"),
    ],
)  # fmt: skip
def test_what_one_gives_up_is_answered_until_the_other_can(tmp_path: Path, before: str, after: tuple[str, str]) -> None:
    world = built(alone(tmp_path), f"services.web.route={before}")
    world.stack = stack_of(DUO, f"services.web.route={after[0]}", f"services.api.route={after[1]}")

    _, found = seen_by_clients(world, everything(world), (80, "/api/1"))

    assert found == {(80, "/api/1"): {"web", "api"}}
    assert world.tick().plan.pending == ()


def test_a_redirect_answers_until_a_new_service_can(tmp_path: Path) -> None:
    """No rule stands behind a default action: the new one is for nobody, until it has targets."""
    led = "load_balancer.listeners={http: {port: 80, redirect: admin}, admin: {port: 81}}"
    world = built(alone(tmp_path), led, "services.web.route.listener=admin")
    world.stack = stack_of(
        DUO, TWO, "services.web.route.listener=admin", "services.api.route={listener: http, path: /*, priority: 9}"
    )

    _, found = seen_by_clients(world, everything(world), (80, "/x"))

    assert found == {(80, "/x"): {"redirect", "api"}}
    assert world.tick().plan.pending == ()


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_services_exchange_their_listeners(calls: int) -> None:
    """Whether or not the controller dies again and again meanwhile, before its next but so many calls."""
    world = built(DUO, TWO, "services.web.route={listener: http, path: /*, priority: 100}",
                  "services.api.route={listener: admin, path: /*, priority: 100}")  # fmt: skip
    world.stack = stack_of(DUO, TWO, "services.web.route={listener: admin, path: /*, priority: 100}",
                           "services.api.route={listener: http, path: /*, priority: 100}")  # fmt: skip

    if calls:
        found: dict[Place, set[str]] = {(80, "/"): set(), (81, "/"): set()}
        for _ in range(60):
            world.aws.guard = mortal(calls)
            with suppress(Killed):
                world.tick(act=True, scope=everything(world))
            world.restart()
            for port, path in found:
                found[port, path].add(answered_by(world, port, path))
            world.sim.sleep(timedelta(seconds=0.5))
    else:
        _, found = seen_by_clients(world, everything(world), (80, "/"), (81, "/"))

    assert found == {(80, "/"): {"web", "api"}, (81, "/"): {"web", "api"}}
    assert (answered_by(world, 80, "/"), answered_by(world, 81, "/")) == ("api", "web")
    assert world.tick().plan.pending == ()


def test_a_listener_redirects_until_the_rules_are_there() -> None:
    """And where it begins to redirect, the rules go last."""
    led = "load_balancer.listeners={http: {port: 80, redirect: admin}, admin: {port: 81}}"
    routes = ("services.web.route.listener=admin", "services.api.route.listener=admin")
    world = built(DUO, led, *routes)
    world.stack = stack_of(DUO, TWO)

    _, found = seen_by_clients(world, everything(world), (80, "/x"), (80, "/api"))

    assert found == {(80, "/x"): {"redirect", "web"}, (80, "/api"): {"redirect", "api"}}
    world.stack = stack_of(DUO, led, *routes)
    _, found = seen_by_clients(world, everything(world), (80, "/x"), (80, "/api"), (81, "/x"))
    assert found[80, "/x"] == {"redirect", "web"}
    assert found[80, "/api"] <= {"redirect", "api", "web"}
    assert answered_by(world, 81, "/x") == "web"


@pytest.mark.parametrize("priority", [100, 300])
def test_a_service_that_goes_leaves_its_path_when_the_other_has_it(tmp_path: Path, priority: int) -> None:
    """Pruned together with the change of the heir's rule: that one is made first."""
    rest = tmp_path / "rest.yaml"
    demo, duo = (SPECS / "demo.yaml").read_text(), DUO.read_text()
    text = demo.partition("  web:\n")[0].replace("stack: demo", "stack: duo").replace("10.20", "10.40")
    rest.write_text(text + duo[duo.index("  api:\n") :])
    world = built(DUO)
    world.stack = stack_of(rest, route("api", "/*", priority))

    _, found = seen_by_clients(world, Scope(prune=True), (80, "/"))

    assert found == {(80, "/"): {"web", "api"}}


def test_a_service_that_moves_away_answers_until_the_one_in_its_place_can(tmp_path: Path) -> None:
    """For ever, where that one fails: and the apply ends, and says so."""
    world = built(alone(tmp_path), TWO, route("web", "/*", 100, "admin"))
    world.sim.machine.crash = lambda task, _: 1 if task.group == "service:duo-api" else None
    world.stack = stack_of(DUO, TWO, route("web", "/*", 100), route("api", "/*", 100, "admin"))

    seen, found = seen_by_clients(world, everything(world), (81, "/"))

    assert (seen.quiet, found) == (True, {(81, "/"): {"web"}})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(route("api", "/z", 100), route("api", "/api/*", 100), id="another path"),
        pytest.param(route("api", "/*", 300), route("api", "/*", 100), id="another place"),
    ],
)
def test_a_service_without_a_task_takes_nothing_from_one_that_answers(before: str, after: str) -> None:
    world = built(DUO, before, "services.api.desired=0")
    world.stack = stack_of(DUO, after, "services.api.desired=2")

    _, found = seen_by_clients(world, Scope(), (80, "/api/1"))

    assert found == {(80, "/api/1"): {"web", "api"}}


def test_an_apply_ends_when_what_a_rule_is_given_up_for_has_failed(tmp_path: Path) -> None:
    world = built(alone(tmp_path))
    world.sim.machine.crash = lambda task, _: 1 if task.group == "service:duo-api" else None
    world.stack = stack_of(DUO, route("web", "/w/*", 200))

    seen, found = seen_by_clients(world, Scope(), (80, "/api"))

    assert (seen.quiet, found) == (True, {(80, "/api"): {"web"}})
