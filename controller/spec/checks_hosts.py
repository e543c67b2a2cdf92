"""Checks of what a pool launches: types, architecture, operating system, image, volumes."""

from __future__ import annotations

from controller.spec.check import Check
from controller.spec.places import Path
from controller.spec.pools import BlockDevice, Pool, architecture_of
from controller.spec.user_data import why_not

BOTTLEROCKET, OPTIMIZED = "/aws/service/bottlerocket/", "/aws/service/ecs/optimized-ami/"
IOPS = {"gp3": (3000, 80000), "io1": (100, 64000), "io2": (100, 256000)}  # ec2 CreateVolume
PER_GIB = {"gp3": 500, "io1": 50, "io2": 1000}
SMALLEST = {"io1": 4, "io2": 4, "st1": 125, "sc1": 125}  # GiB
MIBS_PER_IOPS = 0.25


def check_launch(pool: Pool, one: Check) -> None:
    _types(pool, one)
    _architecture(pool, one)
    _image(pool, one)
    path: Path = ("hosts", pool.name, "user_data")
    if pool.os == "bottlerocket" and (why := why_not(pool.user_data)):
        one.fail(path, why, "settings.* in TOML", (("hosts", pool.name, "os"),))
    seen: set[str] = set()
    for place, device in enumerate(pool.block_devices):
        at: Path = ("hosts", pool.name, "block_devices", place)
        if device.device in seen:
            one.fail((*at, "device"), f"{device.device} is given twice")
        seen.add(device.device)
        _volume(device, at, one)


def _types(pool: Pool, one: Check) -> None:
    path: Path = ("hosts", pool.name)
    single, several = (*path, "instance_type"), (*path, "instance_types")
    if not pool.instance_type and not pool.instance_types:
        one.fail(single, "is missing", "an EC2 instance type, or instance_types", (several,))
    elif pool.instance_type and pool.instance_types:
        one.fail(several, "given beside instance_type", "give one of them", (single,))
    for place, kind in enumerate(pool.instance_types):
        if kind in pool.instance_types[:place]:
            one.fail((*several, place), f"{kind} is given twice")
    if pool.spot is not None and pool.instance_type and not pool.instance_types:
        one.fail((*path, "spot"), "needs instance_types",
                 f"instance_types: [{pool.instance_type}]", (single,))  # fmt: skip


def _architecture(pool: Pool, one: Check) -> None:
    path: Path = ("hosts", pool.name)
    for place, kind in enumerate(pool.types):
        known = architecture_of(kind)
        at: Path = (*path, "instance_types", place) if pool.instance_types else (*path, "instance_type")
        if known is None or known == pool.architecture:
            continue
        if one.given((*path, "architecture")) is None:
            one.fail(at, f"{kind} is {known}, {pool.types[0]} is {pool.architecture}: hosts of a pool share one image",
                     "a pool for each architecture")  # fmt: skip
        else:
            one.fail((*path, "architecture"), f"{pool.architecture}, but {kind} is {known}", f"{known}", (at,))


def _image(pool: Pool, one: Check) -> None:
    """A public parameter says what it names."""
    path: Path = ("hosts", pool.name)
    at, name = (*path, "image", "ssm"), pool.image.ssm or ""
    reads = ((*path, "os"), (*path, "architecture"), (*path, "instance_type"), (*path, "instance_types"))
    is_bottlerocket = name.startswith(BOTTLEROCKET)
    if not is_bottlerocket and not name.startswith(OPTIMIZED):
        return
    if is_bottlerocket != (pool.os == "bottlerocket"):
        other = "bottlerocket" if is_bottlerocket else "al2023"
        one.fail(at, f"names an image of another system than os {pool.os}: no host could join", f"os: {other}", reads)
    elif ("arm64" in name.split("/")) != (pool.architecture == "arm64"):
        one.fail(at, f"names an image of another architecture than {pool.architecture}: no host could start", "", reads)


def _volume(device: BlockDevice, at: Path, one: Check) -> None:
    kind, iops, throughput = device.type, device.iops, device.throughput
    size, reads = device.size, ((*at, "type"),)
    if size < (least := SMALLEST.get(kind, 1)):
        one.fail((*at, "size"), f"{kind} has at least {least} GiB, got {size}", "", reads)
    if kind not in IOPS and iops is not None:
        one.fail((*at, "iops"), f"{kind} takes none", "gp3, io1 or io2", reads)
    if kind in IOPS and iops is None and kind != "gp3":
        one.fail((*at, "iops"), f"is missing: {kind} has no default", "", reads)
    if kind in IOPS and iops is not None:
        low, high = IOPS[kind][0], max(IOPS[kind][0], min(IOPS[kind][1], PER_GIB[kind] * size))
        if not low <= iops <= high:
            one.fail((*at, "iops"), f"{kind} of {size} GiB takes from {low} to {high}, got {iops}", "",
                     (*reads, (*at, "size")))  # fmt: skip
    if throughput is not None and kind != "gp3":
        one.fail((*at, "throughput"), f"{kind} takes none", "gp3", reads)
    elif throughput is not None and throughput > (most := int((iops or 3000) * MIBS_PER_IOPS)):
        one.fail((*at, "throughput"), f"{throughput} MiB/s needs {int(throughput / MIBS_PER_IOPS)} iops, got "
                 f"{iops or 3000}: at most {most}", "", (*reads, (*at, "iops")))  # fmt: skip
    if device.kms_key and not device.encrypted:
        one.fail((*at, "kms_key"), "given, and encrypted is false", "", ((*at, "encrypted"),))
