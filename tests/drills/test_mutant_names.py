"""The live mutations name rules that exist: one that was renamed would be taken out of nowhere, and seem needless."""

from __future__ import annotations

import inspect

import pytest

from tests.drills.mutant import RULES, Patch
from tests.drills.mutants import PURE_ONLY, SCENES
from tests.rollout.test_mutants import MUTANTS

PATCHES = [pytest.param(patch, id=f"{name}: {patch[1]}") for name, patches in RULES.items() for patch in patches]


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
