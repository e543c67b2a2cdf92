"""Launch templates: numbered versions, one of which the group pins.

A version cannot be changed, so an update makes a new one. The newest version that carries our mark is what we asked
for last: it is what gets compared. The client token is a hash of the data and of the version it follows, so that a
try whose answer was lost is not repeated. Older versions stay: hosts and rollbacks need them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.aws import tags
from controller.aws.reads import VERSION_MARK
from controller.base.keys import IMAGE_TAG, OWNER_TAG, Key, Ref, Tags, lasting_tags
from controller.engine.reconciler import Change, Observed, spec
from controller.spec.names import born_tags, live_name
from controller.spec.user_data import user_data

if TYPE_CHECKING:
    from controller.aws.client import Aws
    from controller.aws.reads import Reads
    from controller.spec.types import Pool, Stack

GP3_IOPS, GP3_THROUGHPUT = 3000, 125  # what AWS gives a gp3 volume that names neither
OTHERS = (  # of RequestLaunchTemplateData; a member of tomorrow is none, lest EC2 fills it in
    "CapacityReservationSpecification",
    "CpuOptions",
    "CreditSpecification",
    "DisableApiStop",
    "DisableApiTermination",
    "EbsOptimized",
    "ElasticGpuSpecifications",
    "ElasticInferenceAccelerators",
    "InstanceInitiatedShutdownBehavior",
    "InstanceMarketOptions",
    "InstanceRequirements",
    "KernelId",
    "LicenseSpecifications",
    "MaintenanceOptions",
    "NetworkPerformanceOptions",
    "Placement",
    "PrivateDnsNameOptions",
    "RamDiskId",
)
SWITCHES = {"EnclaveOptions": "Enabled", "HibernationOptions": "Configured"}
METADATA = {"HttpEndpoint": "disabled", "HttpProtocolIpv6": "enabled"}
INTERFACE = {
    "AssociatePublicIpAddress",
    "DeleteOnTermination",
    "DeviceIndex",
    "Groups",
    "InterfaceType",
}  # known or ours
SCHEME = "v1"  # of the hash in a version's description; a new release of ours must not change the data itself


@dataclass(frozen=True, slots=True)
class Volume:
    """One EBS volume; None is what the type comes with, "" AWS's own key. All of it, so that equal means equal."""

    device: str
    size: int
    type: str
    iops: int | None
    throughput: int | None
    encrypted: bool
    key: str


@dataclass(frozen=True, slots=True)
class LaunchTemplate:
    """`user_data` is decoded text. `hop_limit` 1 keeps bridge containers away from the instance's credentials.

    instance_type   None where the group chooses among several: one that an older version carries is then overridden
    volumes         none: what the image says
    others          what no spec can say, as words (``EbsOptimized``): no part of the next version
    """

    cluster: str | Ref = spec(compare=False)  # the user data names it: hosts must not boot before it exists
    image: str | Ref = spec(risk="host_roll")
    instance_type: str | None = spec(risk="host_roll")
    profile: str | Ref = spec(risk="host_roll", names="instance_profile", anew=True)  # hosts of before hold the old one
    security_groups: tuple[str | Ref, ...] = spec(risk="host_roll", unordered=True)
    user_data: str = spec(risk="host_roll")
    http_tokens: str = spec(risk="host_roll", default="required")
    hop_limit: int = spec(risk="host_roll", default=1)
    metadata_tags: bool = spec(risk="host_roll", default=False)
    volumes: tuple[Volume, ...] = spec(risk="host_roll", unordered=True, default=())
    ssh_key: str = spec(risk="host_roll", default="")
    monitoring: bool = spec(risk="host_roll", default=False)
    public_ip: bool = spec(risk="host_roll", default=True)  # as the subnet says; False: none, whatever it says
    name: str = spec(compare=False, default="")
    tags: Tags = spec(subset=True, risk="cosmetic", default=())
    host_tags: Tags = spec(compare=False, default=())  # other ones make no version: the next one carries them
    others: tuple[str, ...] = spec(risk="host_roll", default=())


class LaunchTemplateKind:
    kind = "launch_template"
    volatile: tuple[str, ...] = ("version",)
    data = False

    def declare(self, stack: Stack) -> Iterable[tuple[Key, LaunchTemplate]]:
        for pool in stack.pools:
            key = Key(self.kind, pool.name)
            yield key, _template(stack, pool, key, live_name(stack, key))

    def observe(
        self, reads: Reads, wanted: Mapping[Key, LaunchTemplate], owner: str
    ) -> Mapping[Key, Observed[LaunchTemplate]]:
        found = {}
        for key, item, live, _ in tags.owned(reads.launch_templates(), self.kind, "LaunchTemplateId"):
            if version := reads.newest_version(item["LaunchTemplateName"]):
                found[key] = parse_template(version, live)
        for key, desired in wanted.items():
            if key not in found and (version := reads.newest_version(desired.name)):
                found[key] = parse_template(version, {})  # somebody else's: the owner listing does not have it
        return found

    def create(self, aws: Aws, key: Key, desired: LaunchTemplate) -> Mapping[str, str]:
        data, tagged = _data(desired), _tagged(desired)
        made = aws.ec2.create_launch_template(
            LaunchTemplateName=desired.name,
            VersionDescription=_description(data),
            LaunchTemplateData=tagged,
            ClientToken=_token(desired.name, "", tagged),
            TagSpecifications=tags.specification("launch-template", desired.tags),
        )["LaunchTemplate"]
        return _outputs(made, int(made["LatestVersionNumber"]))

    def update(
        self, aws: Aws, observed: Observed[LaunchTemplate], desired: LaunchTemplate, changes: tuple[Change, ...]
    ) -> Mapping[str, str]:
        template = observed.outputs["id"]
        outputs: Mapping[str, str] = {}
        if any(change.field != "tags" for change in changes):
            data, tagged = _data(desired), _tagged(desired)
            made = aws.ec2.create_launch_template_version(
                LaunchTemplateId=template,
                VersionDescription=_description(data),
                LaunchTemplateData=tagged,
                ClientToken=_token(template, observed.outputs["version"], tagged),
            )["LaunchTemplateVersion"]
            outputs = _outputs(made, int(made["VersionNumber"]))
        if any(change.field == "tags" for change in changes):  # last: they say what image there is a version for
            aws.ec2.create_tags(Resources=[template], Tags=tags.pascal(desired.tags))
        return outputs

    def delete(self, aws: Aws, observed: Observed[LaunchTemplate]) -> None:
        aws.ec2.delete_launch_template(LaunchTemplateId=observed.outputs["id"])


def _template(stack: Stack, pool: Pool, key: Key, name: str) -> LaunchTemplate:
    return LaunchTemplate(
        cluster=Ref(Key("cluster", "main"), "name"),
        image=Ref(Key("image", pool.name)),
        instance_type=pool.instance_type or None,
        profile=Ref(Key("instance_profile", f"hosts-{pool.name}"), "name"),
        security_groups=(Ref(Key("security_group", f"hosts-{pool.name}")), *pool.security_groups),
        user_data=user_data(stack, pool),
        http_tokens=pool.metadata.tokens,
        hop_limit=pool.metadata.hop_limit,
        metadata_tags=pool.metadata.tags,
        volumes=tuple(
            _volume(one.device, one.size, one.type, one.iops, one.throughput, one.encrypted, one.kms_key)
            for one in pool.block_devices
        ),
        ssh_key=pool.ssh_key,
        monitoring=pool.monitoring,
        public_ip=not stack.network.private_subnets,
        name=name,
        tags=tuple(sorted((*born_tags(stack, key), (IMAGE_TAG, pool.image.origin)))),
        host_tags=born_tags(stack, Key("auto_scaling_group", pool.name), f"{stack.name}-{pool.name}-host"),
    )


def parse_template(version: Mapping[str, Any], live: Mapping[str, str]) -> Observed[LaunchTemplate]:
    data = version["LaunchTemplateData"]
    metadata = data.get("MetadataOptions", {})
    first: Mapping[str, Any] = next(iter(data.get("NetworkInterfaces", [])), {})
    as_desired = LaunchTemplate(
        cluster="",
        image=str(data.get("ImageId", "")),
        instance_type=str(data.get("InstanceType", "")),
        profile=profile_in(data),
        security_groups=tuple(sorted(data.get("SecurityGroupIds") or first.get("Groups", []))),
        user_data=_decoded(data.get("UserData", "")),
        http_tokens=str(metadata.get("HttpTokens", "optional")),
        hop_limit=int(metadata.get("HttpPutResponseHopLimit", 1)),
        metadata_tags=metadata.get("InstanceMetadataTags", "disabled") == "enabled",
        volumes=tuple(sorted(map(parse_volume, data.get("BlockDeviceMappings", [])), key=repr)),
        ssh_key=str(data.get("KeyName", "")),
        monitoring=bool(data.get("Monitoring", {}).get("Enabled", False)),
        public_ip=first.get("AssociatePublicIpAddress") is not False,
        name=version["LaunchTemplateName"],
        tags=lasting_tags(live),
        others=_others(data),
    )
    return Observed(as_desired, _outputs(version, int(version["VersionNumber"])), live.get(OWNER_TAG))


def _others(data: Mapping[str, Any]) -> tuple[str, ...]:
    """What we never write, and is not what EC2 takes when it is left out; names only, of tags whose they are."""
    metadata = data.get("MetadataOptions", {})
    found = {name for name in OTHERS if data.get(name)}
    found |= {name for name, switch in SWITCHES.items() if data.get(name, {}).get(switch)}
    found |= {name for name, value in METADATA.items() if metadata.get(name) == value}
    found |= {
        f"tags of {one.get('ResourceType', '')}"
        for one in data.get("TagSpecifications", [])
        if OWNER_TAG not in tags.read(one.get("Tags"))
    }
    for place, one in enumerate(data.get("NetworkInterfaces", [])):
        found |= {f"NetworkInterfaces[{place}]"} if place else {name for name in one.keys() - INTERFACE if one[name]}
    for one in data.get("BlockDeviceMappings", []):
        ebs, device = one.get("Ebs", {}), one.get("DeviceName", "")
        found |= {f"{name} of {device}" for name in ("SnapshotId",) if ebs.get(name)}
        found |= {f"{name} of {device}" for name in ("VirtualName", "NoDevice") if name in one}
        found |= {f"{device} kept on termination"} if ebs.get("DeleteOnTermination") is False else set()
    return tuple(sorted(found))


def profile_in(data: Mapping[str, Any]) -> str:
    """The name of the instance profile, which others may give by its arn."""
    given = data.get("IamInstanceProfile", {})
    return str(given.get("Name") or given.get("Arn", "").rsplit("/", 1)[-1])


def parse_volume(mapping: Mapping[str, Any]) -> Volume:
    ebs = mapping.get("Ebs", {})
    iops, throughput = ebs.get("Iops"), ebs.get("Throughput")
    return _volume(
        str(mapping.get("DeviceName", "")),
        int(ebs.get("VolumeSize", 0)),
        str(ebs.get("VolumeType", "gp2")),
        int(iops) if iops is not None else None,
        int(throughput) if throughput is not None else None,
        bool(ebs.get("Encrypted", False)),
        str(ebs.get("KmsKeyId", "")),
    )


def _volume(
    device: str, size: int, kind: str, iops: int | None, throughput: int | None, encrypted: bool, key: str
) -> Volume:
    """In one form: what a gp3 volume comes with is stated."""
    if kind == "gp3":
        iops, throughput = iops or GP3_IOPS, throughput or GP3_THROUGHPUT
    return Volume(device, size, kind, iops, throughput, encrypted, key)


def _data(desired: LaunchTemplate) -> Any:
    """LaunchTemplateData. botocore does not encode user data here (aws.md 9.3), so we do.

    What was never asked for is left out: such a version is the one that older releases made.
    """
    groups = sorted(str(group) for group in desired.security_groups)
    interface = {"DeviceIndex": 0, "AssociatePublicIpAddress": False, "Groups": groups, "DeleteOnTermination": True}
    data: dict[str, Any] = {
        "ImageId": str(desired.image),
        "IamInstanceProfile": {"Name": str(desired.profile)},
        **({"SecurityGroupIds": groups} if desired.public_ip else {"NetworkInterfaces": [interface]}),
        "UserData": base64.b64encode(desired.user_data.encode()).decode(),
        "MetadataOptions": {
            "HttpTokens": desired.http_tokens,
            "HttpEndpoint": "enabled",
            "HttpPutResponseHopLimit": desired.hop_limit,
            **({"InstanceMetadataTags": "enabled"} if desired.metadata_tags else {}),
        },
    }
    if desired.instance_type:
        data["InstanceType"] = desired.instance_type
    if desired.volumes:
        data["BlockDeviceMappings"] = [_mapping(one) for one in sorted(desired.volumes, key=repr)]
    if desired.ssh_key:
        data["KeyName"] = desired.ssh_key
    if desired.monitoring:
        data["Monitoring"] = {"Enabled": True}
    return data


def _tagged(desired: LaunchTemplate) -> Any:
    """The data, and the tags of what is launched with a host: those that the host has from its group. They are no part
    of what is compared, so that none of them rolls a fleet."""
    kinds = ("volume", "network-interface") if desired.host_tags else ()
    tagged = [one for kind in kinds for one in tags.specification(kind, desired.host_tags)]
    return {**_data(desired), **({"TagSpecifications": tagged} if tagged else {})}


def _mapping(one: Volume) -> Any:
    ebs: dict[str, Any] = {
        "VolumeSize": one.size,
        "VolumeType": one.type,
        "Encrypted": one.encrypted,
        "DeleteOnTermination": True,
    }
    ebs |= {"Iops": one.iops} if one.iops is not None else {}
    ebs |= {"Throughput": one.throughput} if one.throughput is not None else {}
    ebs |= {"KmsKeyId": one.key} if one.key else {}
    return {"DeviceName": one.device, "Ebs": ebs}


def _description(data: Any) -> str:
    return f"{VERSION_MARK}{SCHEME}:{_digest(data)[:12]}"


def _token(where: str, after: str, data: Any) -> str:
    return hashlib.sha256(f"{where}:{after}:{_digest(data)}".encode()).hexdigest()[:32]


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except ValueError:
        return text


def _outputs(item: Mapping[str, Any], version: int) -> dict[str, str]:
    return {"id": item["LaunchTemplateId"], "name": item["LaunchTemplateName"], "version": str(version)}


KIND = LaunchTemplateKind()
