"""Pools of hosts at random: every field of `hosts.*`. Hosts are large enough for their tasks."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.properties.dice import Draw, Json, given_only, maybe, seconds, some

KEY = "ops"  # an EC2 key pair that is there
VOLUMES: list[Json] = [
    {"device": "/dev/xvda", "size": 30},
    {"device": "/dev/xvdb", "size": 20, "encrypted": False, "type": "gp3", "iops": 4000, "throughput": 200},
]
X86, ARM = ["t3.medium", "t3.large"], ["t4g.medium", "t4g.large"]
MANAGED = ["arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]
IMAGES = {
    "x86_64": "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
    "arm64": "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id",
}


@st.composite
def pools_of(draw: Draw) -> Json:
    low, more = draw(st.integers(1, 2)), draw(st.integers(0, 1))
    types = draw(st.sampled_from([X86, X86, ARM]))
    mixed = draw(st.integers(0, 3)) == 0
    bottlerocket = draw(st.integers(0, 4)) == 0
    moved = draw(st.sampled_from(["", "", "scaling", "scaling_policies"]))
    # managed scaling never has to want more than that: it would ask for it while a roll has raised the most
    size = {"min": low, "desired": low + more, "max": low + more + (5 if moved == "scaling" else 2)}
    rollout = draw(rollouts())
    if moved:  # its size is what others made of it, which may be the most: a roll that must not exceed that halts
        rollout.pop("allow_raise_max", None)
    return given_only(
        instance_type=None if mixed else draw(st.sampled_from(types)),
        instance_types=draw(st.permutations(types)) if mixed else None,
        spot=maybe(draw, spots()) if mixed else None,
        architecture=maybe(draw, st.just("arm64" if types == ARM else "x86_64"), 0.2),
        os="bottlerocket" if bottlerocket else maybe(draw, st.just("al2023")),
        image=None if bottlerocket else maybe(draw, images(types), 0.2),
        size=size,
        rollout=rollout,
        user_data=maybe(draw, st.sampled_from(TOML if bottlerocket else SHELL)),
        managed_draining=maybe(draw, st.sampled_from([True, {"enabled": False, "acknowledge": True}]), 0.3),
        block_devices=maybe(draw, st.sampled_from([VOLUMES, VOLUMES[:1]]), 0.2),
        metadata=maybe(draw, st.sampled_from([{"hop_limit": 2}, {"tokens": "optional", "tags": True}]), 0.2),
        monitoring=maybe(draw, st.booleans(), 0.2),
        policies=maybe(draw, st.sampled_from([[], MANAGED[:1]]), 0.2),
        ssh_key=maybe(draw, st.just(KEY), 0.2),
        maintenance=maybe(draw, st.just({"min_healthy": 90, "max_healthy": 120}), 0.3),
        lifecycle_hooks=maybe(draw, hooks(), 0.2),
        scaling=draw(managed_scaling()) if moved == "scaling" else None,
        scaling_policies=draw(scaling_policies(size)) if moved == "scaling_policies" else None,
    )


SHELL = ["echo one\n", "echo two\n"]
TOML = ["[settings.ecs]\nlogging-drivers = ['json-file']\n", "[settings.motd]\nx = 'y'\n"]


def images(types: list[str]) -> st.SearchStrategy[Json]:
    parameter = IMAGES["arm64" if types == ARM else "x86_64"]
    return st.fixed_dictionaries({"ssm": st.just(parameter)}, optional={"update": st.sampled_from(["manual", "auto"])})


def spots() -> st.SearchStrategy[Json]:
    return some(
        on_demand_base=st.integers(0, 2),
        on_demand_percent=st.sampled_from([0, 50, 100]),
        strategy=st.sampled_from(["price-capacity-optimized", "capacity-optimized", "lowest-price"]),
    )


def rollouts() -> st.SearchStrategy[Json]:
    """With a short bake: AWS's own times are divided here, and managed scaling would take the empty hosts that bake."""
    return st.fixed_dictionaries(
        {"strategy": st.just("rolling"), "max_surge": st.integers(1, 2), "bake": seconds(0, 5)},
        optional={
            "max_unavailable": st.just(0),
            "ready_timeout": seconds(120, 300),
            "drain_timeout": seconds(120, 300),
            "allow_raise_max": st.booleans(),
            "on_drain_timeout": st.sampled_from(["halt", "force"]),
            "standalone": st.sampled_from(["wait", "stop", "ignore"]),
        },
    )


def hooks() -> st.SearchStrategy[Json]:
    warm = {"on": st.just("launching"), "heartbeat": st.just("30s"), "default": st.just("continue")}
    bye = {"on": st.just("terminating"), "heartbeat": seconds(30, 60)}
    return some(warm=st.fixed_dictionaries(warm), bye=st.fixed_dictionaries(bye)).filter(bool)


def managed_scaling() -> st.SearchStrategy[Json]:
    return some(
        target_capacity=st.sampled_from([80, 100]),
        min_step=st.integers(1, 2),
        max_step=st.integers(2, 5),
        warmup=seconds(0, 60),
        termination_protection=st.booleans(),
    )


@st.composite
def scaling_policies(draw: Draw, size: Json) -> Json:
    tracking = given_only(
        target=draw(st.sampled_from([60, 70.5])),
        metric=maybe(draw, st.sampled_from(["cpu_utilization", "cpu_reservation", "memory_reservation"])),
        warmup=maybe(draw, seconds(30, 90)),
        scale_in=maybe(draw, st.booleans()),
    )
    steps = {"steps": [{"from": 0, "to": 20, "add": 1}, {"from": 20, "add": draw(st.integers(2, 3))}]}
    timed = given_only(
        schedule=draw(st.sampled_from(["0 20 * * *", "0 6 * * 1-5"])),
        timezone=maybe(draw, st.just("Europe/Oslo")),
        size=draw(st.sampled_from([size, {"max": size["max"]}, {"min": size["min"]}])),
    )
    every = {"cpu": tracking, "burst": steps, "night": timed}
    names = draw(st.lists(st.sampled_from(sorted(every)), min_size=1, max_size=2, unique=True))
    return {name: every[name] for name in sorted(names)}
