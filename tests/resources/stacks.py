"""Stacks in the simulated sandbox, for the tests of kinds and reads: built, looked at, torn down, killed on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from moto.backends import get_backend

from controller.aws.client import Aws
from controller.aws.reads import Reads
from controller.base.errors import Missing, Refused
from controller.base.keys import OWNER_TAG, Key
from controller.engine.graph import resolve
from controller.engine.observe import declare, names_of
from controller.engine.reconciler import Observed, Reconciler, born_as
from controller.engine.scope import Scope
from controller.report.seen import Tick
from controller.resources import RECONCILERS
from controller.sandbox.simulated import Simulated
from controller.spec.load import load
from controller.spec.types import Stack
from controller.tick import Options, Want, tick

SPECS = Path(__file__).parents[2] / "specs"
RICH = Path(__file__).parent / "rich.yaml"
KINDS: dict[str, Reconciler[Any]] = {kind.kind: kind for kind in RECONCILERS}
LIVES = 400  # ticks or lives of one history; more means that it never ends
PAUSE = timedelta(seconds=6)  # at least, between two passes: a pass costs more here than the time it passes

Live = dict[Key, Observed[Any]]


class Killed(Exception):  # noqa: N818 - what happens to the process, not an error of ours
    """The controller died here."""


@dataclass
class World:
    """One stack in one sandbox, and a controller's connection to it."""

    sim: Simulated
    stack: Stack
    aws: Aws = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A new process: new clients, nothing remembered."""
        session = self.sim.session()
        self.aws = Aws(session, self.stack.region)

    def tick(self, want: Want = "converge", *, act: bool = False, scope: Scope | None = None) -> Tick:
        options = Options(scope or Scope(), by_person=True, started=self.sim.now())
        return tick(self.stack, self.aws, self.sim, want=want, act=act, options=options)

    def desired(self) -> dict[Key, Any]:
        return declare(self.stack, RECONCILERS)

    def see(self, *kinds: str, wanted: Mapping[Key, Any] | None = None, thorough: bool = False) -> Live:
        """What is live, of the named kinds or of all; *wanted* takes the place of what the spec says."""
        desired = self.desired() | dict(wanted or {})
        found: Live = {}
        with ThreadPoolExecutor(4) as pool:
            reads = Reads(self.aws, self.stack.name, names_of(desired), pool, thorough=thorough)
            for name in kinds or KINDS:
                asked = {key: one for key, one in desired.items() if key.kind == name}
                found |= KINDS[name].observe(reads, asked, self.stack.name)
        return found

    def resolved(self, live: Live) -> dict[Key, Any]:
        """What the spec asks for, every reference replaced by what is live."""
        outputs = {key: one.outputs for key, one in live.items()}
        return {key: resolve(one, outputs) for key, one in self.desired().items()}

    def left(self) -> dict[str, list[str]]:
        """What exists in the account, by kind."""
        return {kind: sorted(names) for kind, names in self.sim.door("GET", "left").items() if names}

    def push(self) -> None:
        """Push the images the stack asks for, where their repository is there already."""
        tags = {(one.image.repository, one.image.tag) for one in self.stack.services if one.image.repository}
        there = [(born_as(key).name, one.as_desired.name) for key, one in self.see("repository").items()]
        for name, tag in sorted(tags):
            for live in (live for born, live in there if born == name):  # and to its successor
                self.sim.door("POST", "image", repository=live, tag=tag)


def stack_of(path: Path, *overrides: str) -> Stack:
    return load(str(path), overrides).stack


def begin(path: Path, *overrides: str) -> World:
    """An account that holds what a spec may count on (certificates, a bucket), and the stack to be built in it."""
    world = World(Simulated(), stack_of(path, *overrides))
    if balancer := world.stack.load_balancer:
        arns = {arn for one in balancer.listeners for arn in (one.certificate or "", *one.certificates) if arn}
        for arn in sorted(arns):
            certify(world, arn.rpartition("/")[2])
        if balancer.access_logs is not None:
            let_write(world, balancer.access_logs.bucket)
        world.restart()
    return world


def certify(world: World, name: str) -> str:
    """A server certificate in IAM, whose arn its name tells; nothing serves it here."""
    call: Any = world.aws.iam.upload_server_certificate
    made = call(ServerCertificateName=name, CertificateBody="x", PrivateKey="x")
    return str(made["ServerCertificateMetadata"]["Arn"])


def let_write(world: World, bucket: str) -> None:
    """A bucket that takes the access log of a load balancer."""
    writer = {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    allow = {"Effect": "Allow", "Principal": writer, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    buckets = get_backend("s3")["123456789012"]["aws"]
    buckets.create_bucket(bucket, world.stack.region)
    buckets.put_bucket_policy(bucket, json.dumps({"Statement": [allow]}).encode())


def built(path: Path, *overrides: str) -> World:
    world = begin(path, *overrides)
    converge(world)
    return world


def converge(world: World, want: Want = "converge", scope: Scope | None = None, pause: timedelta = PAUSE) -> Tick:
    """Ticks until one is quiet, at least *pause* apart; images are pushed when they are missed. What AWS refuses for
    good fails the test."""
    for _ in range(LIVES):
        seen = world.tick(want, act=True, scope=scope)
        missed = [error for error in seen.failed.values() if isinstance(error, Missing)]
        if missed:
            world.push()
        refused = {str(key): str(error) for key, error in seen.failed.items() if isinstance(error, Refused)}
        assert refused == {}, refused
        if seen.quiet and not missed:
            return seen
        world.sim.sleep(max(pause, seen.requeue_after))
    raise AssertionError(f"not quiet after {LIVES} ticks: {seen.failed}")


def in_short_lives(world: World, want: Want, calls: int, scope: Scope | None = None) -> int:
    """Like `converge`, but the controller dies before its mutating call number *calls* + 1, is started again, and so on
    until a tick is quiet. How often it died."""
    deaths = 0
    for _ in range(LIVES):
        world.aws.guard = mortal(calls)
        try:
            seen = world.tick(want, act=True, scope=scope)
        except Killed:
            deaths += 1
            world.sim.sleep(timedelta(seconds=0.5))
            continue
        if any(isinstance(error, Missing) for error in seen.failed.values()):
            world.push()
        elif seen.quiet:
            return deaths
        world.sim.sleep(max(PAUSE, seen.requeue_after))
    raise AssertionError(f"not quiet after {LIVES} lives")


def mortal(calls: int) -> Callable[[], None]:
    """A guard that lets *calls* mutating calls pass and none after: a dead process makes no call in any thread."""
    made = iter(range(calls))

    def guard() -> None:
        if next(made, None) is None:
            raise Killed

    return guard


def strangers(world: World, number: int) -> None:
    """What a busy account holds beside the stack: things of others whose names begin as ours do."""
    aws = world.aws
    owner = [{"Key": OWNER_TAG, "Value": f"{world.stack.name}2"}]
    vpc = aws.ec2.create_vpc(
        CidrBlock="10.77.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": owner}]
    )["Vpc"]["VpcId"]  # fmt: skip
    for place in range(number):
        name = f"{world.stack.name}-web-{place:02d}"
        aws.logs.create_log_group(logGroupName=f"/ecs/{world.stack.name}/web-{place:02d}")
        aws.ecs.create_cluster(clusterName=name)
        aws.iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        aws.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)
        aws.ecr.create_repository(repositoryName=f"{world.stack.name}/shop-{place:02d}")
        if place < 20:
            aws.elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="instance")
            aws.ecs.register_task_definition(
                family=name, containerDefinitions=[{"name": "x", "image": "x", "memory": 9}]
            )
            aws.ec2.create_vpc(CidrBlock="10.78.0.0/16")
            aws.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "t3.nano"})
