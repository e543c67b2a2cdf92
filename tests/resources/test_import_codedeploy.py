"""A stack whose service CodeDeploy deploys, made by others: imported, adopted, and a new version deployed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from controller.aws.survey import survey
from controller.base.keys import Key
from controller.engine.adopt import adopt, adoptions
from controller.modes.draft import draft
from controller.modes.importing import written
from controller.sandbox.simulated import Simulated
from controller.spec.load import load
from controller.spec.types import Stack
from tests.resources.seed import PREFIX, seed
from tests.resources.stacks import KINDS, SPECS, World, converge, stack_of


def imported(world: World, path: Path) -> Stack:
    path.write_text(written(draft(survey(world.aws, PREFIX)), PREFIX))
    return load(str(path), ()).stack


def test_it_is_taken_over_with_its_deployments_and_where_its_tasks_run_is_left(tmp_path: Path) -> None:
    """The service keeps its launch type, which no call changes: the spec says that it is left."""
    world = World(Simulated(), stack_of(SPECS / "minimal.yaml"))
    seed(world.aws, lambda: world.sim.sleep(timedelta(seconds=15)), codedeploy=True)
    world.sim.sleep(timedelta(seconds=60))
    world.stack = imported(world, tmp_path / "imported.yaml")

    (service,) = world.stack.services
    assert (service.by_codedeploy, service.deployment.keep) == (True, timedelta(minutes=1))
    assert world.stack.drift == (("service/main.capacity", "warn"),)
    assert {
        ("codedeploy_application/main", f"{PREFIX}-cd-app"),
        ("codedeploy_deployment_group/main", f"{PREFIX}-dg"),
        ("role/codedeploy", f"{PREFIX}-codedeploy-role"),
        ("target_group/main-green", f"{PREFIX}-tg-green"),
    } <= set(world.stack.names)

    for one in adoptions(world.tick().plan):
        adopt(one, KINDS[one.key.kind], world.aws)
    world.push()
    seen = world.tick()
    assert seen.plan.problems == ()
    changes = {str(s.key): [c.field for c in s.changes] for s in seen.plan.pending}
    assert changes["codedeploy_deployment_group/main"] == ["rollback"]
    assert changes["service/main"] == ["zone_rebalancing", "placement", "propagate_tags", "managed_tags"]
    assert "codedeploy_application/main" not in changes
    converge(world, pause=timedelta(seconds=30))  # its targets drain for five minutes
    assert world.tick().plan.pending == ()

    tasks = replace(service, desired=2, environment=(("APP_MSG", "other"),))
    world.stack = replace(world.stack, services=(tasks,))
    converge(world, pause=timedelta(seconds=30))

    group = world.see("codedeploy_deployment_group")[Key("codedeploy_deployment_group", "main")].as_desired
    listed = world.aws.codedeploy.list_deployments(
        applicationName=str(group.application), deploymentGroupName=str(group.name)
    )
    assert len(listed["deployments"]) == 1
    assert world.tick().plan.pending == ()
