"""Cost-allocation tags: what no bill shows is noted where a person looks, and asked for once, because it costs."""

from __future__ import annotations

import pytest

from controller.modes.permissions import policy
from controller.spec.load import load
from tests.modes.stage import Command, Stage

OPERATION = "ce:ListCostAllocationTags"
KEYS = "tags: {team: shop, cost-centre: '42'}\ncost_allocation_tags: [cost-centre, team, 'theseus:stack']\n"


def activate(stage: Stage, *keys: str) -> None:
    """What somebody does in the account that pays."""
    wanted = [{"TagKey": key, "Status": "Active"} for key in keys]
    ce = stage.sim.session().create_client("ce")
    assert ce.update_cost_allocation_tags_status(CostAllocationTagsStatus=wanted)["Errors"] == []


def asked(stage: Stage) -> int:
    return sum(aws.calls[OPERATION] for aws in stage.connected)


def noted(stage: Stage, command: Command) -> list[str]:
    return [note for note in command("plan", stage.spec, "-o", "json").json()["notes"] if note.startswith("cost")]


@pytest.fixture
def costs(stage: Stage, command: Command) -> Stage:
    stage.spec = stage.write(KEYS)
    return stage


def test_what_billing_does_not_know_is_noted_and_what_is_not_active_with_the_command(
    costs: Stage, command: Command
) -> None:
    unknown = noted(costs, command)[-1]  # nothing carries a tag of the spec yet
    assert unknown.startswith("costs are not told apart by cost-centre, team: billing does not know the tag")
    command("apply", costs.spec, "--yes")
    activate(costs, "cost-centre")

    [inactive] = noted(costs, command)

    assert inactive == (
        "costs are not told apart by team, theseus:stack: not activated; aws ce update-cost-allocation-tags-status "
        "--cost-allocation-tags-status TagKey=team,Status=Active TagKey=theseus:stack,Status=Active"
    )


def test_a_stack_whose_tags_are_active_has_nothing_noted_and_nothing_to_do(costs: Stage, command: Command) -> None:
    command("apply", costs.spec, "--yes")
    activate(costs, "cost-centre", "team", "theseus:stack")

    ended = command("plan", costs.spec, "--detailed-exitcode")

    assert ended.code == 0
    assert "cost" not in ended.out


def test_a_member_of_an_organisation_is_told_who_may_ask_and_goes_on(costs: Stage, command: Command) -> None:
    costs.faults("ce", "ListCostAllocationTags", "AccessDeniedException")

    ended = command("apply", costs.spec, "--yes")

    assert ended.code == 0
    assert "cost-allocation tags were not checked (cost-centre, team, theseus:stack)" in ended.err
    assert "ask from the account that pays" in ended.err


def test_it_is_asked_once_in_an_apply_never_in_the_loop_and_for_nobody_else(stage: Stage, command: Command) -> None:
    command("plan", stage.spec)
    assert asked(stage) == 0
    stage.spec = stage.write(KEYS)
    assert command("apply", stage.spec, "--yes").code == 0
    assert asked(stage) == 1
    assert command("run", stage.spec, "--ticks", "3").code == 0
    assert asked(stage) == 1


@pytest.mark.parametrize("mode", ["plan", "apply"])
def test_the_right_to_ask_comes_with_the_tags(mode: str, costs: Stage) -> None:
    with_tags, without = (
        {one for part in policy(load(spec).stack, mode)["Statement"] for one in part["Action"]}
        for spec in (costs.spec, costs.write(name="plain"))
    )

    assert with_tags - without == {OPERATION}
