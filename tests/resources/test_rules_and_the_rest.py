"""Rules beside what else a plan has: services that cannot answer yet or never will, redirects, leftovers, a scope."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from controller.base.errors import Missing
from controller.engine.scope import Scope
from controller.report.seen import outcome
from tests.resources.answers import DUO, TWO, alone, answered_by, everything, route, seen_by_clients
from tests.resources.stacks import SPECS, Killed, World, built, mortal, stack_of

REDIRECTED = "load_balancer.listeners={http: {port: 80, redirect: admin}, admin: {port: 81}}"
ELSEWHERE = "load_balancer.listeners={http: {port: 80, redirect: other}, admin: {port: 81}, other: {port: 82}}"
NOT_PUSHED = "services.api.image={repository: shop, tag: v9}"


def places(world: World) -> dict[str, int]:
    """The priorities of the listener on port 80, by service."""
    elb = world.aws.elbv2
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    listener = next(one for one in listeners if one["Port"] == 80)
    rules = elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    return {
        one["Actions"][0]["ForwardConfig"]["TargetGroups"][0]["TargetGroupArn"].split("-")[-2]: int(one["Priority"])
        for one in rules
        if not one["IsDefault"]
    }


@pytest.fixture
def trio(tmp_path: Path) -> Path:
    """A third service, on ``/o``, first of all."""
    path = tmp_path / "trio.yaml"
    text = DUO.read_text().replace("demo.yaml", str(SPECS / "demo.yaml"))
    api = text[text.index("  api:\n") :].partition("  api:\n")[2]
    path.write_text(f"{text}\n  old:\n{api}")
    return path


# ------------------------------------------------------------------------------------------------ not ready yet
def test_one_that_moves_back_answers_until_those_it_passes_can() -> None:
    world = built(DUO, route("web", "/*", 100), route("api", "/api", 200), "services.api.desired=0")
    world.stack = stack_of(DUO, route("web", "/*", 300), route("api", "/api", 200), "services.api.desired=2")

    _, found = seen_by_clients(world, Scope(), (80, "/api"), (80, "/x"))

    assert found == {(80, "/api"): {"web", "api"}, (80, "/x"): {"web"}}
    assert world.tick().plan.pending == ()


def test_no_other_rule_takes_one_along_that_cannot_answer() -> None:
    world = built(DUO, route("api", "/*", 300), "services.api.desired=0", route("web", "/*", 200))
    world.stack = stack_of(DUO, route("api", "/*", 100), "services.api.desired=2", route("web", "/*", 250))

    _, found = seen_by_clients(world, Scope(), (80, "/x"))

    assert found == {(80, "/x"): {"web", "api"}}
    assert world.tick().plan.pending == ()


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_a_new_service_in_front_of_one_that_moves_back(tmp_path: Path, calls: int) -> None:
    """The controller dies again and again, before its next but so many calls."""
    world = built(alone(tmp_path), route("web", "/*", 100))
    world.stack = stack_of(DUO, route("web", "/*", 300), route("api", "/api", 200))
    found = set()

    for _ in range(60):
        world.aws.guard = mortal(calls)
        with suppress(Killed):
            world.tick(act=True)
        world.restart()
        found.add(answered_by(world, 80, "/api"))
        world.sim.sleep(timedelta(seconds=0.5))

    assert (found, answered_by(world, 80, "/api")) == ({"web", "api"}, "api")


@pytest.mark.parametrize("priority", [100, 200])
def test_an_apply_ends_unproven_where_an_image_is_not_there(tmp_path: Path, priority: int) -> None:
    world = built(alone(tmp_path), route("web", "/*", 150))
    world.stack = stack_of(DUO, route("web", "/*", 300), route("api", "/api", priority), NOT_PUSHED)

    seen, found = seen_by_clients(world, Scope(), (80, "/api"))

    assert (outcome(seen), found) == ("unproven", {(80, "/api"): {"web"}})
    assert any(isinstance(error, Missing) for error in seen.failed.values())


# ------------------------------------------------------------------------------------------------ redirects
@pytest.mark.parametrize("calls", [1, 2, 3])
def test_a_redirect_leads_to_who_answers(calls: int) -> None:
    rules = ("web", "/*", 200), ("api", "/api", 100)
    world = built(DUO, REDIRECTED, *(route(*one, "admin") for one in rules))
    world.stack = stack_of(DUO, ELSEWHERE, *(route(*one, "other") for one in rules))
    found = set()

    for _ in range(40):
        world.aws.guard = mortal(calls)
        with suppress(Killed):
            if world.tick(act=True, scope=everything(world)).quiet:
                break
        world.restart()
        found.add(answered_by(world, redirected(world), "/x"))
        world.sim.sleep(timedelta(seconds=0.5))

    assert (found, redirected(world)) == ({"web"}, 82)


def redirected(world: World) -> int:
    """Where port 80 leads."""
    elb = world.aws.elbv2
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    listener = next(one for one in listeners if one["Port"] == 80)
    return int(listener["DefaultActions"][0]["RedirectConfig"]["Port"])


def test_a_redirect_leads_to_a_new_service_when_it_answers(tmp_path: Path) -> None:
    world = built(alone(tmp_path), REDIRECTED, route("web", "/*", 200, "admin"))
    world.stack = stack_of(DUO, ELSEWHERE, route("web", "/*", 200, "admin"), route("api", "/*", 100, "other"))
    found = set()

    for _ in range(60):
        quiet = world.tick(act=True, scope=everything(world)).quiet
        found.add(answered_by(world, redirected(world), "/x"))
        if quiet:
            break
        world.sim.sleep(timedelta(seconds=0.5))

    assert (found, redirected(world)) == ({"web", "api"}, 82)


def test_an_apply_ends_when_who_shall_answer_for_a_redirect_has_failed(tmp_path: Path) -> None:
    world = built(alone(tmp_path), REDIRECTED, route("web", "/*", 200, "admin"))
    world.sim.machine.crash = lambda task, _: 1 if task.group == "service:duo-api" else None
    world.stack = stack_of(DUO, TWO, route("web", "/*", 200, "admin"), route("api", "/*", 9))

    seen, found = seen_by_clients(world, Scope(), (80, "/x"))

    assert (outcome(seen), found) == ("failed", {(80, "/x"): {"redirect"}})


# ------------------------------------------------------------------------------------------------ who stays
def test_a_leftover_keeps_its_place_and_that_is_said_before_anything_is_done(trio: Path) -> None:
    world = built(trio, route("web", "/*", 200), route("api", "/api", 300), route("old", "/o", 100))
    world.stack = stack_of(DUO, route("web", "/*", 200), route("api", "/api", 100))

    (problem,) = world.tick().plan.problems
    assert problem == (
        "listener_rule/api: priority 100 is that of listener_rule/old, which the spec has no more and which stays: "
        "take it out (apply --prune), or give api a later priority"
    )
    _, found = seen_by_clients(world, Scope(prune=True), (80, "/o"), (80, "/api"))
    assert found[80, "/o"] == {"old", "web"}
    assert world.tick().plan.pending == ()


def test_a_chain_of_moves_ends_where_a_leftover_goes(trio: Path) -> None:
    world = built(trio, route("web", "/*", 300), route("api", "/api", 200), route("old", "/o", 100))
    world.stack = stack_of(DUO, route("web", "/*", 200), route("api", "/api", 100))

    _, found = seen_by_clients(world, Scope(prune=True), (80, "/o"), (80, "/api"))

    assert found == {(80, "/o"): {"old", "web"}, (80, "/api"): {"api", "web"} & found[80, "/api"]}
    assert places(world) == {"api": 100, "web": 200}


@pytest.mark.parametrize(
    ("scope", "drift"),
    [
        pytest.param(Scope(exclude=frozenset({"listener_rule/api"})), "", id="out of scope"),
        pytest.param(Scope(), "drift={listener_rule/api.priority: ignore}", id="left to others"),
    ],
)
def test_who_is_left_as_it_is_does_not_move_with_the_others(scope: Scope, drift: str) -> None:
    world = built(DUO, route("web", "/*", 200), route("api", "/api", 120))
    world.stack = stack_of(DUO, route("web", "/*", 250), route("api", "/api", 150), *([drift] if drift else []))

    seen_by_clients(world, scope)

    assert places(world) == {"web": 250, "api": 120}


def test_an_apply_ends_unproven_where_what_it_waits_for_is_out_of_scope(tmp_path: Path) -> None:
    world = built(alone(tmp_path), route("web", "/*", 200))
    world.stack = stack_of(DUO, route("web", "/w/*", 200), route("api", "/api", 100))

    seen, found = seen_by_clients(world, Scope(only=frozenset({"service/web"})), (80, "/api"))

    assert (outcome(seen), found) == ("unproven", {(80, "/api"): {"web"}})


@pytest.fixture
def without(tmp_path: Path) -> Path:
    """The second service has no route."""
    path = tmp_path / "without.yaml"
    text = DUO.read_text().replace("demo.yaml", str(SPECS / "demo.yaml"))
    head, api = text.partition("  api:\n")[::2]
    kept = [line for line in api.splitlines() if not line.strip().startswith(("route:", "port:", "health:"))]
    path.write_text("\n".join([f"{head}  api:", *kept]))
    return path


def test_a_service_gives_no_targets_up_while_a_rule_that_stays_leads_to_them(without: Path) -> None:
    world = built(DUO)
    world.stack = stack_of(without)

    (problem,) = world.tick().plan.problems
    assert problem == (
        "service/api: it has no route any more, and listener_rule/api stays and would lead to nobody: "
        "take that out in the same command (apply --prune)"
    )
    _, found = seen_by_clients(world, Scope(prune=True), (80, "/api"))
    assert found == {(80, "/api"): {"api", "web"}}


def test_a_service_gives_its_targets_up_when_no_rule_leads_to_them(without: Path) -> None:
    """While another one is deployed, the rule stays, and so do they."""
    world = built(DUO)
    world.stack = stack_of(DUO, "services.web.environment.APP_MSG=v2")
    for _ in range(3):
        world.tick(act=True)
        world.sim.sleep(timedelta(seconds=1))
    world.stack = stack_of(without, "services.web.environment.APP_MSG=v2")

    _, found = seen_by_clients(world, Scope(prune=True), (80, "/api"))

    assert found == {(80, "/api"): {"api", "web"}}
    assert (world.tick().plan.pending, world.tick().plan.orphans) == ((), ())


def test_a_service_goes_with_its_rule_or_not_at_all(tmp_path: Path) -> None:
    world = built(DUO)
    world.stack = stack_of(alone(tmp_path))

    scope = Scope(prune=True, only=frozenset({"service/api"}))
    problems = world.tick(scope=scope).plan.problems

    assert [one.partition(": ")[2][:60] for one in problems] == [
        "it goes, and listener_rule/api stays and would lead to nobod"
    ]


@pytest.mark.parametrize("crash", [False, True])
def test_a_service_with_another_name_takes_its_path_when_it_can_answer(tmp_path: Path, *, crash: bool) -> None:
    """At the first place there is, with nobody behind."""
    world = built(DUO, route("api", "/api*", 1), route("web", "/w/*", 9))
    renamed = tmp_path / "renamed.yaml"
    renamed.write_text(DUO.read_text().replace("demo.yaml", str(SPECS / "demo.yaml")).replace("  api:\n", "  api2:\n"))
    world.stack = stack_of(renamed, route("api2", "/api*", 1), route("web", "/w/*", 9))
    if crash:
        world.sim.machine.crash = lambda task, _: 1 if task.group == "service:duo-api2" else None

    seen, found = seen_by_clients(world, Scope(prune=True), (80, "/api/x"))

    assert found == {(80, "/api/x"): {"api"} if crash else {"api", "api2"}}
    assert outcome(seen) == ("failed" if crash else "succeeded")


def test_what_is_out_of_scope_and_comes_by_itself_is_waited_for() -> None:
    world = built(DUO)
    ecs = world.aws.ecs
    for task in ecs.list_tasks(cluster="duo", serviceName="duo-api")["taskArns"]:
        ecs.stop_task(cluster="duo", task=task)
    world.stack = stack_of(DUO, "services.api.route.path=[/api, /api/*, /v2]")
    world.sim.sleep(timedelta(seconds=1))

    seen, _ = seen_by_clients(world, Scope(only=frozenset({"listener_rule/api"})))

    assert outcome(seen) == "succeeded"


# ------------------------------------------------------------------------------------------------ another listener
def moving(excluded: bool) -> tuple[World, Scope]:
    """One rule goes to another listener, and a second shall answer its path where it was."""
    world = built(DUO, TWO, route("web", "/b", 3, "admin"), route("api", "/w/*", 2, "admin"))
    world.stack = stack_of(DUO, TWO, route("web", "[/b, /w/*]", 3, "admin"), route("api", "/w/*", 2))
    exclude = frozenset({"listener_rule/web"} if excluded else ())
    return world, Scope(replace=frozenset({"listener_rule/api"}), exclude=exclude)


def test_a_rule_goes_to_another_listener_when_its_path_is_matched_where_it_was() -> None:
    world, scope = moving(excluded=False)

    seen, found = seen_by_clients(world, scope, (81, "/w/3"))

    assert (outcome(seen), found) == ("succeeded", {(81, "/w/3"): {"api", "web"}})
    assert world.tick().plan.pending == ()


@pytest.mark.parametrize("calls", [1, 2])
def test_it_does_so_however_often_the_controller_dies(calls: int) -> None:
    world, scope = moving(excluded=False)
    found = set()

    for _ in range(60):
        world.aws.guard = mortal(calls)
        with suppress(Killed):
            world.tick(act=True, scope=scope)
        world.restart()
        found.add(answered_by(world, 81, "/w/3"))
        world.sim.sleep(timedelta(seconds=0.5))

    assert found == {"api", "web"}
    assert world.tick().plan.pending == ()


def test_it_stays_where_the_other_is_out_of_scope_and_that_is_no_success() -> None:
    world, scope = moving(excluded=True)

    seen, found = seen_by_clients(world, scope, (81, "/w/3"))

    assert (outcome(seen), found) == ("unproven", {(81, "/w/3"): {"api"}})
    [waits] = map(str, seen.failed.values())
    assert waits == "listener_rule/web does not match yet what it shall"


def test_a_rule_goes_to_the_place_of_a_leftover_on_another_listener(tmp_path: Path) -> None:
    world = built(DUO, TWO, route("web", "/x", 3, "admin"), route("api", "/api", 1))
    world.stack = stack_of(alone(tmp_path), TWO, route("web", "/x", 1))
    leave = frozenset({"listener_rule/web"})

    [problem] = world.tick(scope=Scope(replace=leave)).plan.problems
    seen, found = seen_by_clients(world, Scope(replace=leave, prune=True), (81, "/x"), (80, "/x"))

    assert problem.startswith("listener_rule/web: priority 1 is that of listener_rule/api, which the spec has no more")
    assert (outcome(seen), found[80, "/x"]) == ("succeeded", {"404", "web"})
    assert world.tick(scope=Scope(prune=True)).plan.pending == ()


# ------------------------------------------------------------------------------------------------ what else stays
def test_a_leftover_of_codedeploy_goes_with_its_rule_or_not_at_all(tmp_path: Path) -> None:
    deployed = "services.api.deployment={strategy: codedeploy, config: CodeDeployDefault.ECSAllAtOnce, keep: 1m}"
    world = built(DUO, deployed)
    world.stack = stack_of(alone(tmp_path))

    [problem] = world.tick(scope=Scope(prune=True, only=frozenset({"service/api"}))).plan.problems

    assert problem.startswith("service/api: it goes, and listener_rule/api stays and would lead to nobody")


def test_a_rule_of_others_that_leads_to_a_service_that_goes_is_in_the_way(tmp_path: Path) -> None:
    """Nobody would ever take it away, and its clients would be answered by nobody."""
    world = built(DUO)
    elb = world.aws.elbv2
    (group,) = elb.describe_target_groups(Names=["duo-api-blue"])["TargetGroups"]
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    (listener,) = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    made = elb.create_rule(
        ListenerArn=listener["ListenerArn"],
        Priority=7,
        Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/by-hand"]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
    )["Rules"][0]["RuleArn"]
    world.stack = stack_of(alone(tmp_path))

    [problem] = world.tick(scope=Scope(prune=True)).plan.problems

    assert problem == f"service/api: it goes, and a rule that others made leads to it: delete that first ({made})"
    elb.delete_rule(RuleArn=made)
    assert outcome(seen_by_clients(world, Scope(prune=True))[0]) == "succeeded"
