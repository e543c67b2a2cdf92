"""What the live mutations rest on: rules that exist (a renamed one would be taken out of nowhere), and a judge."""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest

from tests.drills.mutant import RULES, Patch
from tests.drills.mutants import PURE_ONLY, SCENES, faults
from tests.drills.scenes import Played
from tests.rollout.test_mutants import MUTANTS

PATCHES = [pytest.param(patch, id=f"{name}: {patch[1]}") for name, patches in RULES.items() for patch in patches]

WELL = Played("succeeded", 4000, 0, {}, 0, serving=3, size=3, launched=3, replaced=3, seconds=70.0, problems=[])


@pytest.mark.parametrize("patch", PATCHES)
def test_what_is_taken_out_is_there_and_called_alike(patch: Patch) -> None:
    """A patch of a wrong arity would end the command, and a crash is not the harm that is looked for."""
    module, name, value = patch

    rule = getattr(module, name)

    assert callable(rule)
    inspect.signature(value).bind(*inspect.signature(rule).parameters)  # raises TypeError


def test_every_mutation_has_a_scene_and_a_proof_by_histories() -> None:
    """One list of rules, two kinds of proof."""
    mutations = [mutation for scene in SCENES for mutation in scene.mutations]

    assert {mutation.name for mutation in mutations} == RULES.keys() - {"none"}
    assert {mutation.pure for mutation in mutations} | {pure for pure, _ in PURE_ONLY} <= {
        str(one.id) for one in MUTANTS
    }


@pytest.mark.parametrize(
    "played",
    [
        pytest.param(replace(WELL, failed=1), id="a request was lost"),
        pytest.param(replace(WELL, serving=2), id="below the floor"),
        pytest.param(replace(WELL, unsent=1), id="the prober fell behind"),
        pytest.param(replace(WELL, launched=4), id="a host too many"),
        pytest.param(replace(WELL, outcome="halted"), id="another end"),
        pytest.param(replace(WELL, problems=["sent 2, the balancer accepted 1"]), id="counts that disagree"),
    ],
)
def test_a_roll_with_every_rule_has_no_fault_at_all(played: Played) -> None:
    """Or the harm of a mutation would be no more than what happens anyway."""
    assert faults(SCENES[0], WELL) == []
    assert len(faults(SCENES[0], played)) == 1
