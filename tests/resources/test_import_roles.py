"""Roles that tasks are started with: what others wrote into one stays, and one of the account stays the account's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from controller.base.keys import Key
from tests.resources.imports import OPEN, SMALL, TASK, again, differing, stack_in, strip
from tests.resources.stacks import World, converge

DECRYPT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}]}
ROLE = "role/execution-web"


def of_others(folder: Path, **parts: Any) -> World:
    """A stack whose execution role has a policy that somebody wrote into it."""
    pooled = {**TASK, "pool": "main"}
    world = stack_in(folder, network=OPEN, hosts={"main": SMALL}, services={"web": pooled}, **parts)
    role = live(world)
    world.aws.iam.put_role_policy(RoleName=role, PolicyName="decrypt", PolicyDocument=json.dumps(DECRYPT))
    return world


def live(world: World) -> str:
    return world.see("role")[Key("role", "execution-web")].outputs["name"]


def policies(world: World, role: str) -> list[str]:
    return sorted(world.aws.iam.list_role_policies(RoleName=role)["PolicyNames"])


def test_what_others_wrote_into_an_execution_role_is_named_and_stays(tmp_path: Path) -> None:
    """Without it tasks whose secrets have a key of the customer's would not start."""
    world = of_others(tmp_path)
    strip(world)

    notes = again(world, tmp_path)

    (note,) = notes
    assert note == (
        "service web: the inline policies decrypt of its execution role imp-execution-web stay, by `drift` "
        f"{ROLE}.inline: no spec can say them"
    )
    assert world.stack.drift == ((f"{ROLE}.inline", "warn"),)
    assert differing(world) == {}
    converge(world)
    assert policies(world, "imp-execution-web") == ["decrypt", "theseus"]


def test_a_role_of_another_name_is_left_to_the_account(tmp_path: Path) -> None:
    """Named, it would be the stack's: destroy deleted what other clusters start their tasks with."""
    world = of_others(tmp_path, names={ROLE: "ecsTaskExecutionRole"})
    before = policies(world, "ecsTaskExecutionRole")
    strip(world)

    notes = again(world, tmp_path)

    assert ROLE not in dict(world.stack.names)
    (note,) = notes
    assert note == (
        "ecsTaskExecutionRole does not begin with imp, others may use it: it is not named, "
        f"apply makes a {ROLE} of its own, without what its policies decrypt allow"
    )
    assert differing(world)[ROLE] == ["create"]
    converge(world)
    assert live(world) == "imp-execution-web"
    converge(world, want="destroy")
    assert policies(world, "ecsTaskExecutionRole") == before


def test_a_role_that_a_service_of_another_cluster_has_is_left_to_both(tmp_path: Path) -> None:
    """Whatever it is called, even as ours would be: the stack's own gets another name."""
    world = of_others(tmp_path)
    ecs = world.aws.ecs
    arn = world.aws.iam.get_role(RoleName="imp-execution-web")["Role"]["Arn"]
    ecs.create_cluster(clusterName="payments")
    ecs.register_task_definition(
        family="pay", executionRoleArn=arn, containerDefinitions=[{"name": "x", "image": "x", "memory": 64}]
    )
    ecs.create_service(cluster="payments", serviceName="pay", taskDefinition="pay", desiredCount=0)
    strip(world)

    notes = again(world, tmp_path)

    (note,) = notes
    assert note == (
        "imp-execution-web is of payments/pay, too: it is not named, "
        f"apply makes a {ROLE} of its own, without what its policies decrypt allow"
    )
    assert dict(world.stack.names)[ROLE] == "imp-execution-web-own"
    converge(world)
    assert policies(world, "imp-execution-web") == ["decrypt", "theseus"]
