"""What a rehearsal can ask of the sandbox and AWS could not do for it: figures, faults, new images, dying hosts.

``GET state counts calls timeline left ca`` and ``POST mark ami image host fault delay shuffle lag reset-calls``, under
``/_sandbox/``.
"""

from __future__ import annotations

import copy
import json
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from moto.backends import get_backend

from controller.sandbox.cloud import Cloud, Where, minima, waiting
from controller.sandbox.edge import Edge, Fault
from controller.sandbox.lagging import Lagging
from controller.sandbox.step import serving
from controller.sandbox.world import AgentChanged, World

HERE: Where = ("123456789012", "us-east-1")


class Admin:
    """One sandbox's back door. Bound to its edge after both exist."""

    def __init__(self, cloud: Cloud) -> None:
        self.edge: Edge
        self._cloud = cloud
        self._marked = cloud.now()
        self._doors: dict[tuple[str, str], Callable[[Where, dict[str, Any]], Any]] = {
            ("GET", "state"): self._state,
            ("GET", "counts"): self._counts,
            ("GET", "calls"): lambda _where, _body: dict(self.edge.calls),
            ("GET", "timeline"): self._timeline,
            ("GET", "left"): self._left,
            ("GET", "ca"): self._ca,
            ("POST", "mark"): self._mark,
            ("POST", "since"): self._since,
            ("POST", "ami"): self._ami,
            ("POST", "image"): self._image,
            ("POST", "host"): self._host,
            ("POST", "fault"): self._fault,
            ("POST", "delay"): self._delay,
            ("POST", "shuffle"): self._shuffle,
            ("POST", "lag"): self._lag,
            ("POST", "reset-calls"): self._reset_calls,
        }

    def __call__(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        door = self._doors.get((method, path))
        if door is None:
            return 404, {"error": f"no such door; there are: {', '.join(sorted(f'{m} {p}' for m, p in self._doors))}"}
        where = (body.get("account", HERE[0]), body.get("region", HERE[1]))
        return 200, door(where, body)

    # Figures

    def _state(self, where: Where, _: dict[str, Any]) -> Any:
        with self._cloud.lock:
            world = self._cloud.world(*where)
            figures = serving(world, self._cloud.now(), self._cloud.catalog(where), self._cloud.timings)
            hosts = [_host(world, ident) for ident in world.members]
            return {
                "now": self._cloud.now(),
                "serving": {name: dict(getattr(figures, name)) for name in ("hosts", "members", "healthy")},
                "hosts": hosts,
                "tasks": [[t.arn.rsplit("/", 1)[-1], t.member, t.last, t.wanted] for t in world.tasks.values()],
                "targets": [
                    [*key[1:], "draining" if t.draining else sorted(t.views.items())]
                    for key, t in world.targets.items()
                ],
            }

    def _counts(self, _where: Where, _: dict[str, Any]) -> Any:
        """The balancers' and the application's own counts (DESIGN.md section 6: three that must agree)."""
        served = self._cloud.machine.served()
        return {
            "balancers": self._cloud.balancers.counts(),
            "served": sum(number or 0 for number in served.values()),
            "unknown": sorted(task for task, number in served.items() if number is None),
        }

    def _timeline(self, where: Where, _: dict[str, Any]) -> Any:
        self._cloud.world(*where)
        record = self._cloud.records[where]
        return [
            [at.timestamp(), dict(figures.hosts), dict(figures.members), dict(figures.healthy)]
            for at, figures in record.moments
            if at >= self._marked
        ]

    def _left(self, where: Where, _: dict[str, Any]) -> Any:
        """Everything that still exists, by kind: what a destroy must answer for."""
        account, region = where
        with self._cloud.lock:
            world = self._cloud.world(*where)
            ec2, elb = get_backend("ec2")[account][region], get_backend("elbv2")[account][region]
            iam = get_backend("iam")[account]["aws"]
            default = {vpc.id for vpc in ec2.vpcs.values() if str(vpc.is_default).lower() == "true"}
            return {
                "vpc": [one for one in ec2.vpcs if one not in default],
                "subnet": [s.id for by_id in ec2.subnets.values() for s in by_id.values() if s.vpc_id not in default],
                "internet_gateway": list(ec2.internet_gateways),
                "nat_gateway": [
                    one.id for one in ec2.nat_gateways.values() if one.state not in {"deleting", "deleted"}
                ],
                "elastic_ip": [one.allocation_id for one in ec2.addresses],
                "vpc_endpoint": list(ec2.vpc_end_points),
                "security_group": [
                    g.group_id
                    for by_id in ec2.groups.values()
                    for g in by_id.values()
                    if g.vpc_id not in default and g.vpc_id
                ],
                "launch_template": list(ec2.launch_templates),
                "instance": [i.id for i in ec2.all_instances() if i._state.name != "terminated"],
                "load_balancer": list(elb.load_balancers),
                "target_group": list(elb.target_groups),
                "auto_scaling_group": list(world.groups),
                "cluster": [one.name for one in world.clusters.values() if one.active],
                "capacity_provider": [one.name for one in world.providers.values() if one.active],
                "service": [name for (_, name), one in world.services.items() if one.status != "INACTIVE"],
                "task": [one.arn for one in world.tasks.values() if one.open],
                "task_definition": [a for a, one in world.definitions.items() if one.get("status") == "ACTIVE"],
                "codedeploy_application": list(world.applications),
                "codedeploy_deployment_group": [f"{app}/{name}" for app, name in world.deployment_groups],
                "role": [one.name for one in iam.roles.values()],
                "instance_profile": [one.name for one in iam.instance_profiles.values()],
                "log_group": list(get_backend("logs")[account][region].groups),
                "repository": list(get_backend("ecr")[account][region].repositories),
                "table": list(get_backend("dynamodb")[account][region].tables),
            }

    def _ca(self, _where: Where, _: dict[str, Any]) -> str:
        """What a client of an HTTPS listener has to trust. Under the lock: one sandbox has one authority."""
        with self._cloud.lock:
            return self._cloud.authority.pem

    # Marks

    def _mark(self, where: Where, _: dict[str, Any]) -> Any:
        self._marked = self._cloud.now()
        return {"at": self._marked.isoformat(), "counts": self._counts(where, {})}

    def _since(self, where: Where, body: dict[str, Any]) -> Any:
        """Lowest and highest figures since a mark, and how long AWS itself was at something."""
        since = datetime.fromisoformat(body["at"]) if "at" in body else self._marked
        self._cloud.world(*where)
        record, now = self._cloud.records[where], self._cloud.now()
        until = datetime.fromisoformat(body["until"]) if "until" in body else now
        return {**minima(record, since), "waiting": waiting(record, since, until)}

    # What only a rehearsal does

    def _ami(self, where: Where, body: dict[str, Any]) -> Any:
        """A new machine image behind an SSM parameter; `joins`: yes, late or never."""
        account, region = where
        with self._cloud.lock:
            parameters = get_backend("ssm")[account][region]._parameters
            versions = parameters[body["parameter"]]
            if not versions:
                raise ValueError(f"there is no parameter {body['parameter']}")
            new, ec2 = copy.copy(versions[-1]), get_backend("ec2")[account][region]
            image = copy.copy(ec2.amis[versions[-1].value])
            number = len(self._cloud.catalog(where).moods) + len(versions)
            image.id = new.value = f"ami-{int(time.time()):09x}{number:08x}"
            ec2.amis[image.id] = image
            new.version, new.last_modified_date = versions[-1].version + 1, time.time()
            versions.append(new)
            self._cloud.catalog(where).moods[image.id] = body.get("joins", "yes")
            return {"image": image.id}

    def _image(self, where: Where, body: dict[str, Any]) -> Any:
        """Push a container image (its manifest; the application is the sandbox's own)."""
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"digest": f"sha256:{body['tag']}"},
        }
        with self._cloud.lock:
            ecr = get_backend("ecr")[where[0]][where[1]]
            if body["repository"] not in ecr.repositories:
                raise ValueError(f"there is no repository {body['repository']}")
            there = ecr.repositories[body["repository"]].images
            if not any(body["tag"] in image.image_tags for image in there):
                ecr.put_image(body["repository"], json.dumps(manifest), body["tag"])
        return {"image": f"{body['repository']}:{body['tag']}"}

    def _host(self, where: Where, body: dict[str, Any]) -> Any:
        """Kill a host, or cut its agent off and let it back."""
        ident, action = body["id"], body["action"]
        with self._cloud.lock:
            if ident not in self._cloud.world(*where).members:
                raise ValueError(f"there is no host {ident}")
            if action == "kill":
                get_backend("ec2")[where[0]][where[1]].terminate_instances([ident])
            elif action in {"lost", "back"}:
                self._cloud.tell(*where, AgentChanged(ident, connected=action == "back"))
            else:
                raise ValueError("action is kill, lost or back")
        return {"at": self._cloud.now().isoformat()}

    def _fault(self, _where: Where, body: dict[str, Any]) -> Any:
        self.edge.faults.append(Fault(**{k: v for k, v in body.items() if k not in {"account", "region"}}))
        return {"faults": len(self.edge.faults)}

    def _delay(self, _where: Where, body: dict[str, Any]) -> Any:
        """Seconds added to every call."""
        self.edge.delay = float(body["seconds"])
        return {"seconds": self.edge.delay}

    def _shuffle(self, _where: Where, body: dict[str, Any]) -> Any:
        """From now on lists come in another order in every answer; ``seed: null`` ends it."""
        self.edge.dice = None if body["seed"] is None else random.Random(body["seed"])
        return {"seed": body["seed"]}

    def _lag(self, _where: Where, body: dict[str, Any]) -> Any:
        """From now on reads may be answered as they were up to so many seconds ago; ``seconds: 0`` ends it."""
        lag = timedelta(seconds=float(body["seconds"]))
        self.edge.lag = Lagging(lag, int(body.get("seed", 0)), self._cloud.now) if lag else None
        return {"seconds": lag.total_seconds()}

    def _reset_calls(self, _where: Where, _: dict[str, Any]) -> Any:
        before = dict(self.edge.calls)
        self.edge.calls.clear()
        return before


def _host(world: World, ident: str) -> dict[str, Any]:
    from controller.sandbox.world import member_node

    member, node = world.members[ident], member_node(world.nodes, ident)
    return {
        "id": ident,
        "zone": member.zone,
        "type": member.type,
        "image": member.image,
        "version": member.version,
        "lifecycle": member.lifecycle,
        "status": node.status if node else None,
        "tasks": sum(1 for task in world.tasks.values() if node and task.node == node.arn and task.open),
    }
