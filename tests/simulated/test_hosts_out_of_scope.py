"""--target and --exclude bind hosts and services too: what is left out does not move, and does not hold up the rest."""

from __future__ import annotations

from datetime import timedelta

from controller.engine.scope import Scope
from controller.modes import plan as planning
from controller.report.seen import Tick, outcome
from controller.spec.types import Stack
from controller.tick import Options, tick
from tests.simulated.stack import Simulation

OTHER_TYPE = "hosts.main.instance_type=t3.large"
HOSTS = "auto_scaling_group/main"


def scoped(*, only: str = "", exclude: str = "") -> Scope:
    return Scope(only=frozenset(only.split()), exclude=frozenset(exclude.split()))


def look(stage: Simulation, stack: Stack, scope: Scope) -> Tick:
    options = Options(scope=scope, by_person=True, started=stage.sim.now())
    return tick(stack, stage.aws, stage.sim, options=options)


def members(stage: Simulation) -> set[str]:
    return {one["InstanceId"] for one in stage.group("demo-main")["Instances"]}


def half_rolled(stage: Simulation, stack: Stack) -> None:
    """A controller that died as soon as one host had been cordoned."""
    options = Options(by_person=True, started=stage.sim.now())
    for _ in range(600):
        seen = tick(stack, stage.aws, stage.sim, act=True, options=options)
        if any(host.cordoned_at for fleet in seen.fleets for host in fleet.hosts):
            return
        stage.sim.sleep(seen.requeue_after)
    raise AssertionError("no host was ever cordoned")


# ------------------------------------------------------------------------------------------------ hosts
def test_a_target_takes_the_hosts_it_needs_and_no_others(born: Simulation) -> None:
    """A service stands on the group of its pool; a network does not."""
    wanted = born.stack(OTHER_TYPE)

    assert [one.pool for one in look(born, wanted, scoped(only="service/web")).forecasts] == ["main"]
    assert look(born, wanted, scoped(only="vpc/main")).forecasts == ()


def test_hosts_out_of_scope_are_not_replaced(born: Simulation) -> None:
    """Everything but the group takes the new type: the template has it, the hosts stay, and that is a success."""
    wanted, before, leave = born.stack(OTHER_TYPE), members(born), scoped(exclude=HOSTS)
    first = look(born, wanted, leave)

    assert "launch_template/main" in {str(step.key) for step in first.plan.pending}
    assert (first.forecasts, first.moves, first.fleets) == ((), (), ())
    assert "out of scope: the hosts of main: 3 not current; none is touched" in first.plan.notes
    assert born.apply(wanted, scope=leave) == "succeeded"
    assert members(born) == before
    assert not planning.changes(look(born, wanted, leave))


def test_a_roll_left_half_way_does_not_hold_up_what_is_in_scope(born: Simulation) -> None:
    """Nothing of it is continued, repaired or waited for; the next whole apply finishes it."""
    wanted, birth = born.stack(OTHER_TYPE), members(born)
    half_rolled(born, wanted)
    before, crumbs, began = members(born), born.settings("demo-main")["crumbs"], born.sim.now()
    target = scoped(only="target_group/web-blue")
    change = born.stack(OTHER_TYPE, "services.web.deregistration_delay=7s")

    assert any("a roll begun earlier is not continued" in note for note in look(born, change, target).plan.notes)
    assert born.apply(change, scope=target) == "succeeded"
    assert born.sim.now() - began < timedelta(seconds=30)
    assert (members(born), born.settings("demo-main")["crumbs"]) == (before, crumbs)
    assert any("theseus:roll" in crumb for crumb in crumbs)
    assert not planning.changes(look(born, change, target))

    assert born.apply(wanted) == "succeeded"
    assert not members(born) & birth
    assert born.settings("demo-main")["crumbs"] == []


def test_hosts_that_stay_do_not_keep_a_service_waiting(born: Simulation) -> None:
    """Hosts first, if they are replaced at all: a task too big for them waits only where bigger ones are coming."""
    big = born.stack("hosts.main.instance_type=t3.xlarge", "services.web.memory=12000")

    [held] = look(born, big, Scope()).held.values()
    assert held.why.startswith("hosts first: ")
    assert look(born, big, scoped(exclude=HOSTS)).held == {}


# ------------------------------------------------------------------------------------------------ services
def test_a_deployment_in_flight_is_not_waited_for_out_of_scope(born: Simulation) -> None:
    changed, target = (
        born.stack(OTHER_TYPE, "services.web.environment.APP_MSG=other"),
        scoped(only="load_balancer/main"),
    )
    options = Options(by_person=True, started=born.sim.now())
    while (seen := tick(changed, born.aws, born.sim, act=True, options=options)).plan.pending:
        born.sim.sleep(timedelta(seconds=0.5))
    assert [one.state for one in seen.verdicts] == ["in_progress"]

    aimed = look(born, changed, target)

    assert (aimed.verdicts, aimed.quiet) == ((), True)
    assert [note for note in aimed.plan.notes if note.startswith("out of scope: service web: in progress: ")]
    assert born.apply(changed) == "succeeded"


def test_a_service_out_of_scope_does_not_decide_the_outcome(born: Simulation) -> None:
    """A deployment that fails is rolled back; an apply of something else succeeds and says what it left."""
    broken = born.stack(OTHER_TYPE, "services.web.environment.APP_MSG=broken")
    born.sim.machine.crash = lambda _task, definition: 1 if "broken" in str(definition) else None
    target = scoped(only="load_balancer/main")

    assert born.apply(broken) == "rolled_back"
    assert outcome(look(born, broken, Scope())) == "rolled_back"
    assert born.apply(broken, scope=target) == "succeeded"
    assert [note for note in look(born, broken, target).plan.notes if "service/web" in note]
