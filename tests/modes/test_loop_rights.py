"""run: when the loop may act at all. The record of the last applied spec, and the lease."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.aws.lease import DynamoLease, FileLease, Holder
from controller.base.crumbs import SpecCrumb
from controller.base.errors import NotYet
from controller.modes import loop
from tests.modes.stage import Command, Ended, Stage

EDIT = "hosts: {{main: {{rollout: {{bake: {}s}}}}}}\n"  # another spec, and nothing of it is in AWS


def drifting(stage: Stage) -> None:
    stage.delay("77")


def corrected(ended: Ended) -> list[int]:
    """The passes that put the drift right."""
    return [line["tick"] for line in ended.lines("tick.done") if any("target_group" in key for key in line["done"])]


@pytest.fixture
def in_accord(stage: Stage, command: Command) -> Stage:
    """Whatever the record says after the other tests: somebody applies the file as it is."""
    assert command("apply", stage.spec, "--yes").code == 0
    return stage


# ------------------------------------------------------------------------------------------------ the record
def test_an_older_file_keeps_its_hands_off_until_it_is_edited(stage: Stage, command: Command) -> None:
    """Told once, with what it would do in every pass; the edit is recorded as the next serial, then acted on."""
    before, theirs = stage.delay(), stage.record().serial + 1
    left: list[tuple[str, SpecCrumb]] = []

    def applied_elsewhere() -> None:
        stage.record(SpecCrumb(theirs, "another"))
        drifting(stage)

    def edit() -> None:
        left.append((stage.delay(), stage.record()))
        stage.write(EDIT.format(7))

    stage.before_passes(two=applied_elsewhere, five=edit)
    ended = command("run", stage.spec, "--ticks", "6")

    assert left == [("77", SpecCrumb(theirs, "another"))]
    [said] = ended.lines("spec.superseded")
    assert (said["tick"], said["applied"]) == (2, f"{theirs}:another")
    lines = ended.lines("tick.done")
    assert [line["tick"] for line in lines if "would" in line] == [2, 3, 4]
    for line in lines[1:4]:
        assert (line["done"], line["moves"], line["outcome"]) == ([], [], f"superseded by apply of serial {theirs}")
        assert "target_group" in line["would"][0]
    assert [(line["tick"], line["serial"]) for line in ended.lines("spec.recorded")] == [(5, theirs + 1)]
    assert corrected(ended) == [5]
    assert (stage.delay(), stage.record().serial) == (before, theirs + 1)


def test_an_edit_whose_record_could_not_be_written_is_written_by_the_next_pass(
    in_accord: Stage, command: Command
) -> None:
    stage, theirs = in_accord, in_accord.record().serial + 1

    def edit() -> None:
        stage.write(EDIT.format(9))
        stage.faults("ecs", "TagResource", "AccessDeniedException")

    stage.before_passes(two=lambda: stage.record(SpecCrumb(theirs, "another")), three=edit)
    ended = command("run", stage.spec, "--ticks", "4")

    assert [(line["tick"], "ecs:TagResource" in line["why"]) for line in ended.lines("tick.failed")] == [(3, True)]
    assert [(line["tick"], line["serial"]) for line in ended.lines("spec.recorded")] == [(4, theirs + 1)]
    assert [line["tick"] for line in ended.lines("spec.superseded")] == [2]


# ------------------------------------------------------------------------------------------------ a part of a spec
@pytest.fixture
def part(in_accord: Stage, command: Command) -> str:
    """A newer file of which somebody applied a part: the target groups have their delay, nothing has the tags."""
    newer = in_accord.folder / "newer.yaml"
    newer.write_text(
        f"extends: {in_accord.spec}\ntags: {{aim: whole}}\nservices: {{web: {{deregistration_delay: 77s}}}}\n"
    )
    aimed = command("apply", str(newer), "--yes", "--target", "target_group", "-o", "json")
    assert (aimed.code, in_accord.delay()) == (0, "77")
    assert any("not as the spec says" in note for note in aimed.json()["out_of_scope"])
    return str(newer)


def test_an_older_loop_does_not_roll_back_a_part_applied_elsewhere(
    part: str, in_accord: Stage, command: Command
) -> None:
    """The whole spec is on record, though a part of it was applied: whose part, an older loop cannot know."""
    ended = command("run", in_accord.spec, "--ticks", "2")

    assert [line["tick"] for line in ended.lines("spec.superseded")] == [1]
    assert [(line["done"], line["moves"]) for line in ended.lines("tick.done")] == [([], [])] * 2
    assert in_accord.delay() == "77"


def test_a_loop_with_the_newer_spec_completes_a_part(part: str, in_accord: Stage, command: Command) -> None:
    assert command("plan", part, "--detailed-exitcode").code == 2

    ended = command("run", part, "--ticks", "4")

    assert ended.lines("spec.superseded") == []
    assert {"cluster/main", "log_group/web"} <= {key for line in ended.lines("tick.done") for key in line["done"]}
    assert command("plan", part, "--detailed-exitcode").code == 0


# ------------------------------------------------------------------------------------------------ the lease
def test_what_another_holds_is_left_alone_until_it_is_free(in_accord: Stage, command: Command) -> None:
    stage, before = in_accord, in_accord.delay()
    other = DynamoLease(stage.own, "tiny", stage.sim, Holder("ci pid 7", "other"))
    for _ in range(2):
        try:
            other.acquire()
        except NotYet as making:
            stage.sim.sleep(making.after)
    other.check()
    drifting(stage)
    left: list[str] = []
    stage.before_passes(three=lambda: (left.append(stage.delay()), other.release()))

    ended = command("run", stage.spec, "--lease", "dynamodb", "--interval", "10s", "--ticks", "3")

    held = ended.lines("lease.held")
    assert [line["tick"] for line in held] == [1, 2]
    assert "tiny is held by ci pid 7" in held[0]["why"]
    assert left == ["77"]
    assert [line["tick"] for line in ended.lines("lease.taken")] == [3]
    assert corrected(ended) == [3]
    assert stage.delay() == before
    other.acquire()  # the loop let go of it when it ended
    other.release()


def test_a_lease_that_grew_old_is_lost_and_taken_again(in_accord: Stage, command: Command) -> None:
    """The clock moves two minutes while there is work left, and nobody renewed, as after a machine that slept."""
    stage, before = in_accord, in_accord.delay()
    drifting(stage)
    stage.before_passes(two=lambda: (stage.sim.sleep(timedelta(minutes=2)), drifting(stage)))

    ended = command("run", stage.spec, "--lease", "dynamodb", "--ticks", "3")

    assert [line["tick"] for line in ended.lines("lease.lost")] == [2]
    assert [line["tick"] for line in ended.lines("lease.taken")] == [1, 3]
    assert corrected(ended) == [1, 3]
    assert stage.delay() == before


def test_others_apply_beside_a_loop_that_has_nothing_to_do(in_accord: Stage, command: Command, tmp_path: Path) -> None:
    """Between quiet passes nobody holds the lease; what was applied meanwhile is not rolled back."""
    stage, before, codes = in_accord, in_accord.delay(), []
    newer = tmp_path / "newer.yaml"
    newer.write_text(f"extends: {stage.spec}\nservices: {{web: {{deregistration_delay: 66s}}}}\n")
    place = ("--lease", f"file:{tmp_path / 'lease'}")
    stage.before_passes(
        two=lambda: codes.append(stage.elsewhere("apply", str(newer), "--yes", "--lock-timeout", "0s", *place))
    )

    ended = command("run", stage.spec, "--ticks", "4", *place)

    assert codes == [0]
    assert [line["tick"] for line in ended.lines("spec.superseded")] == [2]
    assert ended.lines("lease.held") == []
    assert [(line["done"], line["moves"]) for line in ended.lines("tick.done")] == [([], [])] * 4
    assert (before, stage.delay()) == ("30", "66")


def test_others_apply_beside_a_loop_that_may_do_nothing(in_accord: Stage, command: Command, tmp_path: Path) -> None:
    """A change that needs a person's leave is refused in every pass, at the usual interval, and locks nobody out."""
    stage, codes = in_accord, []
    refused = tmp_path / "refused.yaml"
    refused.write_text(
        f"extends: {stage.spec}\nnetwork: {{cidr: 10.77.0.0/16, public_subnets: [10.77.1.0/24, 10.77.2.0/24]}}\n"
    )
    place = ("--lease", f"file:{tmp_path / 'lease'}")
    began = stage.sim.now()
    stage.before_passes(
        two=lambda: codes.append(stage.elsewhere("apply", stage.spec, "--yes", "--lock-timeout", "0s", *place))
    )

    ended = command("run", str(refused), "--ticks", "3", "--interval", "60s", *place)

    assert codes == [0]
    assert all(line["problems"] for line in ended.lines("tick.done")[:1])
    assert stage.sim.now() - began > timedelta(seconds=100)


def test_a_lease_lost_between_look_and_act_stops_that_pass(
    in_accord: Stage, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, before = in_accord, in_accord.delay()
    drifting(stage)
    judge, passes = loop.record.judge, [0]

    def slow(*facts: Any, **named: Any) -> Any:
        passes[0] += 1
        if passes[0] == 1:
            (tmp_path / "lease.tiny").unlink()
        return judge(*facts, **named)

    monkeypatch.setattr(loop.record, "judge", slow)
    left: list[str] = []
    stage.before_passes(two=lambda: left.append(stage.delay()))
    ended = command("run", stage.spec, "--ticks", "2")

    assert [line["tick"] for line in ended.lines("lease.lost")] == [1]
    assert left == ["77"]
    assert corrected(ended) == [2]
    assert stage.delay() == before
    FileLease(str(tmp_path / "lease.tiny"), "tiny", Holder.mine()).acquire()
