"""Every kind of change that hosts and tasks know, one after the other under load: ``python -m
controller.rehearsal.every_change``. One row each, with the figures of the demo; exit 1 when a promise broke."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from controller.rehearsal import fronts
from controller.rehearsal.blue_green import new_version, rolled_back
from controller.rehearsal.changes import Change, Scene, change, overlaid
from controller.rehearsal.demo import SPEC, Stage, birth
from controller.rehearsal.drill import Drill, drill

MANAGED = "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy"
SUBNETS = [{"cidr": "10.20.11.0/24", "zone": "us-east-1a"}, {"cidr": "10.20.12.0/24", "zone": "us-east-1c"}]
MOVED = ("--replace", "subnet/public-1", "--replace", "subnet/public-2")
SCHEME = "internal"
Row = tuple[str, tuple[str, ...], Mapping[str, Any]]
"""(name, arguments of apply, what the spec asks for from then on)."""


class Story:
    """A spec over that of the demo, to which each change adds; what the stack is asked to be stays asked for."""

    def __init__(self, folder: Path) -> None:
        self.spec = folder / "demo.yaml"
        self.document: dict[str, Any] = {"extends": str(Path(SPEC).resolve())}

    def choose(self, **fields: Any) -> None:
        self.spec.write_text(overlaid(self.document, fields))


def size(desired: int) -> dict[str, int]:
    return {"min": 2, "desired": desired, "max": 8}


def rows(extra: str) -> list[Row]:
    """Each change once, the way back where it is another one. *extra* is a security group of somebody else's."""
    bigger = {"hosts__main__instance_type": "t3.xlarge", "services__web__cpu": 512, "services__web__memory": 1024}
    return [
        *((f"capacity {a} to {b}", (), {"hosts__main__size": size(b)}) for a, b in ((2, 4), (4, 6), (6, 2))),
        ("user data", (), {"hosts__main__user_data": "echo rehearsed >> /etc/motd\n"}),
        ("instance role: a policy more", (), {"hosts__main__policies": [MANAGED]}),
        ("host security group", (), {"hosts__main__security_groups": [extra]}),
        ("host security group, back", (), {"hosts__main__security_groups": []}),
        ("scaling policy", (), {"hosts__main__scaling_policies": {"booked": {"target": 70}}}),
        ("no scaling policy", ("--prune",), {"hosts__main__scaling_policies": {}}),
        ("t3.small to t3.medium", (), {"hosts__main__instance_type": "t3.medium"}),
        ("t3.medium to t3.large", (), {"hosts__main__instance_type": "t3.large"}),
        ("task size and instance type in one change", (), bigger),
        ("subnets: other ranges, another zone", MOVED, {"network__public_subnets": SUBNETS}),
    ]


def play(scene: Scene, story: Story, found: list[Change], say: Callable[[str], None]) -> None:
    """All rows, each put into *found* as soon as it is played, then a plan that must be empty."""
    ec2 = scene.drill.client("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:theseus:stack", "Values": ["demo"]}])["Vpcs"][0]["VpcId"]
    extra = str(ec2.create_security_group(GroupName="extra", Description="of others", VpcId=vpc)["GroupId"])
    for name, arguments, fields in rows(extra):
        story.choose(**fields)
        found.append(row := change(scene, name, partial(scene.apply, *arguments)))
        tell(row, say)
    story.choose(load_balancer__scheme=SCHEME)
    for act in (fronts.beside, partial(fronts.gone_over, scheme=SCHEME)):
        found.append(row := act(scene))
        tell(row, say)
    second = scene.drill.run("plan", scene.spec, "--detailed-exitcode")
    if second.code != 0:
        found[-1]["broken"].append(f"a plan afterwards is not empty:\n{second.out}")
    try:
        ec2.delete_security_group(GroupId=extra)  # nobody uses it any more; in the VPC it would be in destroy's way
    except ec2.exceptions.ClientError as error:
        found[-1]["broken"].append(f"the group is still used: {error}")


def deployed(one: Drill, folder: Path, rate: float, found: list[Change], say: Callable[[str], None]) -> None:
    """The rows of a service that CodeDeploy deploys, in a stack of its own."""
    spec = folder / "codedeploy.yaml"

    def choose(**deployment: Any) -> None:
        fields = {f"services__web__{name}": value for name, value in deployment.items()}
        spec.write_text(overlaid({"extends": str(Path(SPEC).with_name("codedeploy.yaml").resolve())}, fields))

    choose(deployment__keep="0m")
    one.run("apply", str(spec), "--yes")
    (balancer,) = one.client("elbv2").describe_load_balancers(Names=["turn"])["LoadBalancers"]
    scene = Scene(one, str(spec), (f"http://{balancer['DNSName']}",), "turn-main", "turn-web", rate)
    choose(deployment__keep="0m", image="example.org/shop:v2")
    tell(row := new_version(scene), say)
    found.append(row)
    choose(deployment__keep="1m", image="example.org/shop:v3")
    tell(row := rolled_back(scene), say)
    found.append(row)
    if (gone := one.run("destroy", str(spec), "--yes")).code != 0:
        row["broken"].append(f"destroy: exit {gone.code}: {gone.err[-500:]}")


def tell(row: Change, say: Callable[[str], None]) -> None:
    words = f"{row['outcome']} in {row['duration_s']} s; {row['requests']['sent']} sent"
    say(f"{row['name']}: {words}, {row['requests']['failed']} failed")
    for why in row["broken"]:
        say(f"  BROKEN: {why}")


def kept(out: Path, found: list[Change]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"format_version": "1.0", "changes": found}, indent=2) + "\n")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="every_change", description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--out", default="out", help="folder of changes.json")
    options = parser.parse_args(arguments)
    say, found, out = Stage(), list[Change](), Path(options.out) / "changes.json"
    with drill() as one, tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder))
        story.choose(hosts__main__size=size(2))
        birth(one, say, str(story.spec))
        scene = Scene(one, str(story.spec), (one.address(),), "demo-main", "demo-web", options.rate)
        try:
            play(scene, story, found, say)
        finally:  # what was measured is kept, however the rest went
            kept(out, found)
        gone = one.run("destroy", str(story.spec), "--yes")
        try:
            deployed(one, Path(folder), options.rate, found, say)
        finally:
            kept(out, found)
    broken = [f"{row['name']}: {why}" for row in found for why in row["broken"]]
    if gone.code != 0:
        broken.append(f"destroy: exit {gone.code}: {gone.err[-500:]}")
    sent, failed = (sum(row["requests"][what] for row in found) for what in ("sent", "failed"))
    sys.stdout.write(f"{len(found)} changes: {sent} sent, {failed} failed; as data: {out}\n")
    for why in broken:
        sys.stderr.write(f"NOT PROVED: {why}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
