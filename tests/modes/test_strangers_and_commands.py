"""Every command in an account full of what looks like ours: what is not ours is afterwards as it was before."""

from __future__ import annotations

from tests.modes.stage import Command, Stage
from tests.resources.account import account
from tests.resources.stacks import World, stack_of, strangers
from tests.resources.test_lookalikes import twins

COMMANDS = (
    "validate {spec}",
    "plan {spec}",
    "iam-policy {spec}",
    "apply {spec} --yes",
    "status {spec}",
    "run {spec} --observe --ticks 2",
    "apply {spec} --yes --prune --set hosts.main.instance_type=t3.medium",
    "run {spec} --ticks 30",
    "import --prefix tiny --region us-east-1",
    "adopt {spec} --yes",
    "destroy {spec} --yes",
    "destroy {spec} --yes",
)


def test_no_command_touches_what_is_not_ours(empty: Stage, command: Command) -> None:
    neighbour = empty.write(name="tiny2")
    assert command("apply", neighbour, "--yes").code == 0
    world = World(empty.sim, stack_of(empty.write()))  # type: ignore[arg-type]
    strangers(world, 4)
    twins(world, {"theseus:stack": "tiny3"})
    foreign, ours = account(empty.own), 0

    for words in COMMANDS:
        ended = command(*words.format(spec=empty.spec).split())

        now = account(empty.own)
        assert ended.code == 0, (words, ended.err)
        assert {name: (one, now.get(name)) for name, one in foreign.items() if now.get(name) != one} == {}, words
        ours = max(ours, len(now) - len(foreign))

    assert ours > 20
    assert account(empty.own) == foreign
