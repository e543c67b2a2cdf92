"""`Reads`: each call once however many ask, batches no larger than AWS takes, pages followed, missing names let go."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from controller.aws.reads import Reads
from controller.base.errors import Gone


class Recorder:
    """Stands for one boto3 client: every call is noted, and answered by the function of its name."""

    def __init__(self, **answers: Callable[..., Any]) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._answers = answers

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.calls.append((name, dict(request)))
            return self._answers[name](**request)

        return call


class Services:
    """Stands for `Aws`: its clients are recorders."""

    def __init__(self, **clients: Recorder) -> None:
        self.__dict__.update(clients)


def asked(
    service: str, names: dict[str, list[str]], ask: Callable[[Reads], Any], **answers: Any
) -> tuple[Any, list[Any]]:
    """What *ask* gets from a `Reads` whose one client answers so, and the calls it made, in a stable order."""
    recorder = Recorder(**answers)
    nothing_else = Recorder(get_resources=lambda **_: {"ResourceTagMappingList": []})
    clients = {"resourcegroupstaggingapi": nothing_else, service: recorder}
    with ThreadPoolExecutor(8) as pool:
        got = ask(Reads(Services(**clients), "shop", names, pool))  # type: ignore[arg-type]
    return got, sorted(recorder.calls, key=repr)


def names(count: int) -> list[str]:
    return [f"n{place:03d}" for place in range(count)]


def test_many_threads_that_ask_the_same_are_answered_by_one_call() -> None:
    def everybody(reads: Reads) -> list[Any]:
        with ThreadPoolExecutor(8) as askers:
            return list(askers.map(lambda _: reads.vpcs(), range(50)))

    got, calls = asked("ec2", {}, everybody, describe_vpcs=lambda **_: {"Vpcs": [{"VpcId": "v"}]})

    assert got == [[{"VpcId": "v"}]] * 50
    assert calls == [("describe_vpcs", {"Filters": [{"Name": "tag:theseus:stack", "Values": ["shop"]}]})]


def test_an_error_is_everybodys_and_asked_for_once() -> None:
    def fail(**_: Any) -> Any:
        raise Gone("no such thing")

    def twice(reads: Reads) -> None:
        for _ in range(2):
            with pytest.raises(Gone):
                reads.vpcs()

    assert len(asked("ec2", {}, twice, describe_vpcs=fail)[1]) == 1


def test_services_are_described_ten_at_a_time() -> None:
    got, calls = asked(
        "ecs",
        {"cluster": ["c"], "service": names(23)},
        lambda reads: reads.services(),
        describe_services=lambda **request: {"services": [{"serviceName": name} for name in request["services"]]},
    )

    assert [len(request["services"]) for _, request in calls] == [10, 10, 3]
    assert [item["serviceName"] for item in got] == names(23)


def test_tasks_told_to_stop_are_listed_too_and_described_a_hundred_at_a_time() -> None:
    """One with desiredStatus STOPPED may still serve: its lastStatus says when it does not (aws.md 1.2)."""
    pages = {
        ("RUNNING", None): (names(100), "more"),
        ("RUNNING", "more"): (["late"], None),
        ("STOPPED", None): (["s"], None),
    }

    def listed(desiredStatus: str, nextToken: str | None = None, **_: Any) -> Any:  # noqa: N803 - AWS's names
        arns, token = pages[desiredStatus, nextToken]
        return {"taskArns": arns, **({"nextToken": token} if token else {})}

    got, calls = asked(
        "ecs",
        {"cluster": ["c"]},
        lambda reads: reads.tasks(),
        list_tasks=listed,
        describe_tasks=lambda **request: {"tasks": [{"taskArn": arn} for arn in request["tasks"]]},
    )

    assert [item["taskArn"] for item in got] == [*names(100), "late", "s"]
    assert sorted(len(request["tasks"]) for name, request in calls if name == "describe_tasks") == [2, 100]
    assert sorted(request["desiredStatus"] for name, request in calls if name == "list_tasks") == [
        "RUNNING",
        "RUNNING",
        "STOPPED",
    ]


def test_a_missing_name_costs_only_itself() -> None:
    """elbv2 refuses a whole list for one name it does not know."""

    def described(Names: list[str]) -> Any:  # noqa: N803 - AWS's name
        if "gone" in Names:
            raise Gone("TargetGroupNotFound")
        return {"TargetGroups": [{"TargetGroupName": name} for name in Names]}

    got, calls = asked(
        "elbv2",
        {"target_group": ["a", "gone", "b"]},
        lambda reads: reads.target_groups(),
        describe_target_groups=described,
    )

    assert [item["TargetGroupName"] for item in got] == ["a", "b"]
    assert len(calls) == 4


def test_names_and_tags_of_elbv2_are_asked_for_twenty_at_a_time() -> None:
    got, calls = asked(
        "elbv2",
        {"target_group": names(41)},
        lambda reads: reads.elb_tags(),
        describe_target_groups=lambda **request: {
            "TargetGroups": [{"TargetGroupArn": one} for one in request["Names"]]
        },
        describe_tags=lambda **request: {
            "TagDescriptions": [
                {"ResourceArn": arn, "Tags": [{"Key": "k", "Value": arn}]} for arn in request["ResourceArns"]
            ]
        },
    )

    assert got == {name: {"k": name} for name in names(41)}
    for operation, argument in (("describe_target_groups", "Names"), ("describe_tags", "ResourceArns")):
        assert sorted(len(request[argument]) for name, request in calls if name == operation) == [1, 20, 20]


def test_parameters_of_all_pools_are_asked_for_together_ten_at_a_time() -> None:
    got, calls = asked(
        "ssm",
        {"parameter": names(12)},
        lambda reads: [reads.parameter(name) for name in (*names(12), "n000")],
        get_parameters=lambda **request: {
            "Parameters": [{"Name": one, "Value": one.upper()} for one in request["Names"] if one != "n003"]
        },
    )

    assert (got[3], got[11], got[12]) == (None, "N011", "N000")
    assert [len(request["Names"]) for _, request in calls] == [10, 2]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([{"logGroupName": "/ecs/shop/web"}], "/ecs/shop/web", id="there"),
        pytest.param([{"logGroupName": "/ecs/shop/web-2"}], None, id="only one that begins so"),
        pytest.param([], None, id="none"),
    ],
)
def test_a_log_group_is_asked_for_by_its_own_name(found: list[Any], expected: str | None) -> None:
    """One answer of one item: neighbours below the same prefix cost nothing."""
    got, calls = asked(
        "logs", {}, lambda reads: reads.log_group("/ecs/shop/web"), describe_log_groups=lambda **_: {"logGroups": found}
    )

    assert (got or {}).get("logGroupName") == expected
    assert calls == [("describe_log_groups", {"logGroupNamePrefix": "/ecs/shop/web", "limit": 1})]


@pytest.mark.parametrize("call", ["services", "container_instances", "tasks"])
def test_without_its_cluster_a_stack_has_nothing_in_it(call: str) -> None:
    def gone(**_: Any) -> Any:
        raise Gone("ClusterNotFoundException")

    got, _ = asked(
        "ecs",
        {"cluster": ["c"], "service": ["s"]},
        lambda reads: getattr(reads, call)(),
        describe_services=gone,
        list_container_instances=gone,
        list_tasks=gone,
    )

    assert got == []
