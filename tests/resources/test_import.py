"""A stack of others: imported, adopted, planned, applied; and what is not the stack's stays as it is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from controller.aws.survey import survey
from controller.base.errors import Refused
from controller.base.keys import Key
from controller.engine.adopt import adopt, adoptions, held
from controller.modes.draft import draft
from controller.modes.importing import written
from controller.sandbox.simulated import Simulated
from controller.spec.load import load
from tests.resources.seed import PREFIX, seed
from tests.resources.stacks import KINDS, World, converge, stack_of


@pytest.fixture
def found(tmp_path: Path) -> World:
    """The stack of others, and the spec that import writes for it."""
    world = World(Simulated(), stack_of(Path(__file__).parents[2] / "specs" / "minimal.yaml"))
    seed(world.aws, lambda: world.sim.sleep(timedelta(seconds=15)))
    world.sim.sleep(timedelta(seconds=60))
    path = tmp_path / "imported.yaml"
    path.write_text(written(draft(survey(world.aws, PREFIX)), PREFIX))
    world.stack = load(str(path), ()).stack
    return world


def addresses_of(world: World) -> dict[str, str]:
    (vpc,) = world.aws.ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"{PREFIX}-vpc"]}])["Vpcs"]
    return {"vpc": vpc["VpcId"]}


def taken(world: World) -> list[str]:
    """Adopt what is there; the addresses."""
    addresses = []
    for one in adoptions(world.tick().plan):
        adopt(one, KINDS[one.key.kind], world.aws)
        addresses.append(str(one.key))
    return addresses


def differing(world: World) -> dict[str, list[str]]:
    """What a plan would change: fields by address; none where something is made."""
    return {str(step.key): sorted(c.field for c in step.changes) for step in world.tick().plan.pending}


def test_nothing_is_touched_before_it_is_adopted(found: World) -> None:
    seen = found.tick()

    assert [step for step in seen.plan.pending if step.action != "create"] == []
    assert any("or take it over with `adopt`" in problem for problem in seen.plan.problems)
    assert held(seen.plan) == ()


def test_what_was_adopted_is_listed_with_exactly_what_differs_and_then_nothing_does(found: World) -> None:
    addresses = taken(found)
    found.push()

    seen = found.tick()
    assert seen.plan.problems == ()
    assert set(found.stack.names) >= {("vpc/main", addresses_of(found)["vpc"]), ("cluster/main", f"{PREFIX}-cluster")}
    assert set(addresses) == {address for address, _ in found.stack.names} | {"listener/http"}
    assert differing(found) == {
        "auto_scaling_group/main": ["version"],  # a number instead of $Latest
        "launch_template/main": ["user_data"],
        "listener/http": ["default"],  # the rule takes its place
        "listener_rule/main": [],
        "role/execution-main": ["grants"],
        "security_group/hosts-main": ["rules"],  # dynamic ports, without which nothing reached its tasks
        "service/main": ["capacity", "placement", "zone_rebalancing"],
    }
    converge(found)
    assert found.tick().plan.pending == ()
    assert taken(found) == []


def test_a_prefix_names_one_cluster(found: World) -> None:
    with pytest.raises(Refused, match="no cluster begins with shop"):
        survey(found.aws, "shop")
    found.aws.ecs.create_cluster(clusterName=f"{PREFIX}-other")
    with pytest.raises(Refused, match="give the prefix of exactly one"):
        survey(found.aws, PREFIX)


def test_what_another_stack_owns_is_not_adopted(found: World) -> None:
    found.aws.iam.tag_role(RoleName=f"{PREFIX}-task-exec", Tags=[{"Key": "theseus:stack", "Value": "other"}])
    plan = found.tick().plan

    assert held(plan) == ("role/execution-main: belongs to stack other",)
    assert Key("role", "execution-main") not in {one.key for one in adoptions(plan)}
