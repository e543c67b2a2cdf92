"""Rule 1 before anything is done: tasks without room are refused with the arithmetic, by plan, apply and the loop."""

from __future__ import annotations

import pytest

from tests.modes.stage import Command, Stage

ASKED = "ec2:DescribeInstanceTypes"
ONE_HOST = ("hosts.main.size.min=1", "hosts.main.size.desired=1")
FOUR_HALVES = (*ONE_HOST, "services.web.desired=4", "services.web.memory=512")


def changed(*values: str) -> tuple[str, ...]:
    return tuple(part for value in values for part in ("--set", value))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param(FOUR_HALVES, ("1 host of 2048 cpu/1894 MiB", "3 of 4 tasks fit", "512 MiB"), id="the sum"),
        pytest.param(("services.web.memory=3000",), ("0 of 2 tasks fit", "needs 256 cpu/3000 MiB"), id="one task"),
        pytest.param(("services.web.cpu=1500", "services.web.desired=3"), ("2 of 3 tasks fit", "1500 cpu"), id="cpu"),
    ],
)
def test_a_birth_without_room_is_refused_before_anything_is_made(
    values: tuple[str, ...], words: tuple[str, ...], empty: Stage, command: Command
) -> None:
    """Rule 1 with no group yet: one refusal with the numbers and where they are from, exit 1, and no call that
    changes AWS."""
    planned = command("plan", empty.spec, *changed(*values))
    applied = command("apply", empty.spec, "--yes", *changed(*values))

    assert (planned.code, applied.code) == (1, 1)
    assert planned.out.count("do not fit") == 1 == applied.err.split("nothing was changed:")[1].count("do not fit")
    for word in (*words, "a t3.small has 2048 MiB, of which system and agent keep about 154"):
        assert word in planned.out
        assert word in applied.err
    assert sum(aws.mutations for aws in empty.connected) == 0


def test_a_loop_makes_nothing_that_has_no_room(empty: Stage, command: Command) -> None:
    """The loop refuses as plan does: its pass changes nothing and says why."""
    empty.write("services: {web: {memory: 3000}}\n")
    ended = command("run", empty.spec, "--ticks", "1")

    assert "0 of 2 tasks fit" in str(ended.lines("tick.done")[0]["problems"])
    assert empty.own.ec2.describe_vpcs(Filters=[{"Name": "tag:theseus:stack", "Values": ["tiny"]}])["Vpcs"] == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param(("services.web.memory=2000",), "0 of 2 tasks fit", id="a task grows beyond a host"),
        pytest.param(("services.web.desired=15",), "14 of 15 tasks fit", id="more tasks than size.desired holds"),
        pytest.param(
            ("services.web.desired=14", "services.web.environment.A=b"),
            "starts a task before it stops one (min 100 %): 14 of 15 tasks fit",
            id="every task has room, and the deployment has none",
        ),
        pytest.param(
            ("hosts.main.instance_type=t3.nano", "services.web.memory=1024"),
            "with the old hosts gone, on 2 hosts of 2048 cpu/384 MiB each",
            id="smaller hosts",
        ),
        pytest.param(
            ("hosts.main.instance_type=t3.large", "services.web.memory=3700", "services.web.desired=4"),
            "on 2 hosts of 2048 cpu/7578 MiB each (a t3.large has 8192 MiB, of which system and agent keep about 614): "
            "tiny-web starts a task before it stops one (min 100 %): 4 of 5 tasks fit",
            id="bigger hosts first, and no room for the deployment after them",
        ),
    ],
)
def test_what_a_running_stack_cannot_hold_is_refused(
    values: tuple[str, ...], words: str, stage: Stage, command: Command
) -> None:
    """Rule 1 when only the services change, or the hosts with them: exit 1, no step taken, no host touched."""
    before = stage.own.ecs.describe_services(cluster="tiny", services=["tiny-web"])["services"][0]["taskDefinition"]
    planned = command("plan", stage.spec, *changed(*values))
    applied = command("apply", stage.spec, "--yes", *changed(*values))
    after = stage.own.ecs.describe_services(cluster="tiny", services=["tiny-web"])["services"][0]["taskDefinition"]

    assert (planned.code, applied.code) == (1, 1)
    assert words in planned.out
    assert words in applied.err
    assert "nothing was changed" in applied.err
    assert sum(aws.mutations for aws in stage.connected) == 0
    assert before == after


def test_hosts_out_of_scope_are_counted_as_they_are(stage: Stage, command: Command) -> None:
    """Bigger hosts that this apply leaves alone are no room for the tasks it starts."""
    values = changed("services.web.memory=3000", "hosts.main.instance_type=t3.large")
    ended = command("plan", stage.spec, *values, "--exclude", "auto_scaling_group/main")

    assert ended.code == 1
    assert "on 2 hosts of 2048 cpu/1912 MiB each (out of scope, as they are): 0 of 2 tasks fit" in ended.out
    assert command("plan", stage.spec, *values).code == 0


def test_room_for_one_more_is_enough_for_a_deployment(stage: Stage, command: Command) -> None:
    """One task less than the hosts hold: the deployment goes from task to task. Nor is there a need of it where the
    min percent lets a task stop first, or where only the count changes."""
    fits = (
        ("services.web.desired=13", "services.web.environment.A=b"),
        ("services.web.desired=14", "services.web.environment.A=b", "services.web.deployment.min_percent=90"),
        ("services.web.desired=14",),
    )

    assert [command("plan", stage.spec, *changed(*values)).code for values in fits] == [0, 0, 0]


def test_a_pass_asks_for_a_type_only_while_a_step_needs_it(stage: Stage, command: Command) -> None:
    """A no-op plan costs nothing more, nor does one whose hosts have registered what they offer."""
    for values in ((), ("services.web.desired=3",), ("tags.team=shop",)):
        assert command("plan", stage.spec, *changed(*values)).code == 0
    command("plan", stage.spec, *changed("hosts.main.instance_type=t3.medium"))

    assert [aws.calls[ASKED] for aws in stage.connected] == [0, 0, 0, 1]
