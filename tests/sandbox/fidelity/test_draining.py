"""DRAINING: what is stopped, what is replaced first, what is left alone, and what the counts say meanwhile."""

from __future__ import annotations

import pytest

from .stack import Stack, refused


@pytest.fixture
def pair(stack: Stack) -> Stack:
    """Two hosts, two tasks behind a balancer, one on each host."""
    return stack.group(2).cluster().joined(2).front(delay=6).service(2)


def first(stack: Stack) -> str:
    arn: str = stack.nodes()[0]["containerInstanceArn"]
    return arn


def healthy(stack: Stack) -> int:
    return stack.states().count("healthy")


def test_running_tasks_are_replaced_first_and_stopped_after(pair: Stack) -> None:
    """With a minimum of 100 an old task stays until its replacement is healthy (aws.md 1.1)."""
    node = first(pair)
    answer = pair.drain(node)
    least = pair.shown()["desiredCount"]
    for _ in range(60):
        pair.sleep(0.5)
        least = min(least, healthy(pair))

    assert [one["status"] for one in answer["containerInstances"]] == ["DRAINING"]
    assert least == 2
    assert pair.on(node) == []
    assert pair.shown()["runningCount"] == 2


def test_nothing_new_is_placed_on_a_draining_host(pair: Stack) -> None:
    """Accepts tasks only if ACTIVE (aws.md 1.1)."""
    node = first(pair)
    pair.drain(node)
    pair.aws.ecs.update_service(cluster="web", service="web", desiredCount=4)

    pair.until(lambda: pair.shown()["runningCount"] == 4 and pair.on(node) == [])

    other = next(n for n in pair.nodes() if n["containerInstanceArn"] != node)
    assert {task["containerInstanceArn"] for task in pair.tasks("RUNNING")} == {other["containerInstanceArn"]}


def test_counts_drop_while_tasks_still_serve(pair: Stack) -> None:
    """runningTasksCount and ListTasks(RUNNING) look at desiredStatus: the trap of aws.md 1.2."""
    node = first(pair)
    pair.drain(node)
    pair.until(lambda: pair.on(node) == ["DEACTIVATING"])

    shown = next(one for one in pair.nodes("DRAINING") if one["containerInstanceArn"] == node)
    listed = pair.aws.ecs.list_tasks(cluster="web", containerInstance=node)["taskArns"]
    stopping = pair.aws.ecs.list_tasks(cluster="web", containerInstance=node, desiredStatus="STOPPED")["taskArns"]
    assert (shown["runningTasksCount"], listed, len(stopping)) == (0, [], 1)
    assert stopping[0] in pair.sim.machine.running
    assert "draining" in pair.states()


def test_pending_tasks_are_stopped_at_once_whatever_the_minimum(stack: Stack) -> None:
    """PENDING on a host that is set DRAINING (aws.md 1.1)."""
    stack.group(1).cluster().joined(1).service(1, wait=False)
    stack.until(lambda: [one["lastStatus"] for one in stack.tasks()] == ["PROVISIONING"])

    stack.drain(first(stack))
    stack.sleep(0.5)

    assert [one["lastStatus"] for one in stack.tasks()] == ["STOPPED"]


def test_with_minimum_and_maximum_at_100_a_drain_hangs(stack: Stack) -> None:
    """Nothing may stop before something starts, and nothing may start before something stops (aws.md 1.1)."""
    stack.group(2).cluster().joined(2)
    bounds = {"minimumHealthyPercent": 100, "maximumPercent": 100}
    stack.service(2, deploymentConfiguration=bounds)
    node = first(stack)

    stack.drain(node)
    stack.sleep(600)

    assert stack.on(node) == ["RUNNING"]


def test_below_100_percent_tasks_are_stopped_before_others_start(stack: Stack) -> None:
    """Desired 2, minimum 50, maximum 100: one stops first (aws.md 1.1)."""
    stack.group(2).cluster().joined(2)
    stack.service(2, deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 100})
    node, fewest = first(stack), 2

    stack.drain(node)
    for _ in range(40):
        stack.sleep(0.5)
        fewest = min(fewest, stack.shown()["runningCount"])

    assert (fewest, stack.shown()["runningCount"], stack.on(node)) == (1, 2, [])


@pytest.mark.parametrize(
    ("desired", "low", "high", "moves"),
    [
        pytest.param(2, 75, 100, False, id="2 at 75 is 2: rounded up, nothing may stop"),
        pytest.param(3, 100, 125, False, id="3 at 125 is 3: rounded down, nothing may start"),
        pytest.param(4, 75, 100, True, id="4 at 75 is 3: one may stop"),
        pytest.param(4, 100, 125, True, id="4 at 125 is 5: one may start"),
    ],
)
def test_percentages_are_rounded_against_the_mover(
    stack: Stack, desired: int, low: int, high: int, moves: bool
) -> None:
    """The minimum up, the maximum down (aws.md 1.1)."""
    stack.group(2).cluster().joined(2)
    bounds = {"minimumHealthyPercent": low, "maximumPercent": high}
    stack.service(desired, deploymentConfiguration=bounds)
    node = first(stack)
    held = stack.on(node)

    stack.drain(node)
    stack.sleep(60)

    assert stack.on(node) == ([] if moves else held)


def test_stopping_tasks_count_towards_the_maximum(stack: Stack) -> None:
    """The worse of the two readings (aws.md 1.1): while one stops, its place is not free."""
    stack.group(2).cluster().joined(2).front(delay=20)
    stack.service(2, deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 100})
    stack.drain(first(stack))
    stack.until(lambda: "DEACTIVATING" in [one["lastStatus"] for one in stack.tasks()])
    stack.sleep(15)

    unfinished = [one["lastStatus"] for one in stack.tasks() if one["lastStatus"] != "STOPPED"]
    assert sorted(unfinished) == ["DEACTIVATING", "RUNNING"]


def test_standalone_tasks_are_left_alone(stack: Stack) -> None:
    """Wait for them or stop them (aws.md 1.1)."""
    stack.group(1).cluster().joined(1)
    stack.aws.ecs.run_task(cluster="web", taskDefinition=stack.definition())
    stack.sleep(3)

    stack.drain(first(stack))
    stack.sleep(120)

    assert stack.on(first(stack)) == ["RUNNING"]


def test_without_room_elsewhere_a_drain_waits_until_there_is_some(stack: Stack) -> None:
    """Surge first, then drain (aws.md 1.1)."""
    stack.group(1).cluster().joined(1).service(2)
    node = first(stack)
    stack.drain(node)
    stack.sleep(120)
    waiting = stack.on(node)

    stack.aws.autoscaling.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)

    stack.until(lambda: stack.on(node) == [])
    assert waiting == ["RUNNING", "RUNNING"]
    assert stack.shown()["runningCount"] == 2


def test_set_active_again_it_takes_tasks_again(pair: Stack) -> None:
    """ACTIVE is the undo (aws.md 1.1)."""
    node = first(pair)
    pair.drain(node)
    pair.until(lambda: pair.on(node) == [])
    pair.sleep(60)
    still = [one["status"] for one in pair.nodes() if one["containerInstanceArn"] == node]

    pair.drain(node, status="ACTIVE")
    pair.aws.ecs.update_service(cluster="web", service="web", desiredCount=3)

    pair.until(lambda: pair.on(node) == ["RUNNING"])
    assert still == ["DRAINING"]


def test_the_state_call_has_its_limits(pair: Stack) -> None:
    """At most ten, two statuses, failures with HTTP 200 (aws.md 1.1, 6.3)."""
    call = pair.aws.ecs.update_container_instances_state
    many = [f"{n:032x}" for n in range(11)]
    node = first(pair)

    refused("InvalidParameterException", call, cluster="web", containerInstances=many, status="DRAINING")
    refused("InvalidParameterException", call, cluster="web", containerInstances=[node], status="DEREGISTERING")
    answer = pair.drain(node, "0" * 32)
    assert [one["containerInstanceArn"] for one in answer["containerInstances"]] == [node]
    assert [one["reason"] for one in answer["failures"]] == ["MISSING"]


def test_container_instances_are_listed_by_status(pair: Stack) -> None:
    """Every status but INACTIVE without a filter (aws.md 1.2)."""
    pair.drain(first(pair))

    assert (len(pair.nodes()), len(pair.nodes("ACTIVE")), len(pair.nodes("DRAINING"))) == (2, 1, 1)
