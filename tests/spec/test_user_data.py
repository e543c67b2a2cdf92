"""User data: shell on Amazon Linux, settings on Bottlerocket, merged with the pool's own and always in one order."""

from __future__ import annotations

import tomllib
from collections.abc import Callable

import pytest
from judging import GOOD, swapped

from controller.spec.load import Loaded
from controller.spec.pools import architecture_of
from controller.spec.user_data import user_data

Loads = Callable[..., Loaded]


def text(loads: Loads, *lines: str) -> str:
    """The user data of a pool with further *lines*."""
    more = "".join(f"\n    {line}" for line in lines)
    stack = loads(swapped(GOOD, {"instance_type: t3.small": f"instance_types: [t3.small]{more}"}), env={}).stack
    return user_data(stack, stack.pools[0])


def test_amazon_linux_gets_a_script_and_the_pools_own_lines_after_it(loads: Loads) -> None:
    assert text(loads, "user_data: echo hello") == (
        "#!/bin/bash\n"
        "cat <<'EOF' >> /etc/ecs/ecs.config\n"
        "ECS_CLUSTER=shop\n"
        "ECS_AWSVPC_BLOCK_IMDS=true\n"
        "ECS_CONTAINER_STOP_TIMEOUT=30s\n"
        "EOF\n"
        "echo hello\n"
    )


def test_hosts_of_a_spot_pool_drain_when_told_to_go(loads: Loads) -> None:
    """ECS_ENABLE_SPOT_INSTANCE_DRAINING, off by default (aws.md section 8)."""
    assert "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true\n" in text(loads, "spot: {}")
    assert "enable-spot-instance-draining = true\n" in text(loads, "spot: {}", "os: bottlerocket")


def test_bottlerocket_gets_settings_merged_with_the_pools_own(loads: Loads) -> None:
    own = "user_data: \"settings.ecs.logging-drivers = ['awslogs', 'json-file']\""

    found = text(loads, "os: bottlerocket", own)

    assert tomllib.loads(found)["settings"]["ecs"] == {
        "awsvpc-block-imds": True,
        "cluster": "shop",
        "container-stop-timeout": "30s",
        "logging-drivers": ["awslogs", "json-file"],
    }


@pytest.mark.parametrize(
    "own",
    [
        pytest.param("settings.ntp.time-servers = ['a', 'b']\\nsettings.motd = 'x'", id="dotted"),
        pytest.param("[settings]\\nmotd = 'x'\\n[settings.ntp]\\ntime-servers = ['a', 'b']", id="tables"),
        pytest.param("settings = {motd = 'x', ntp = {time-servers = ['a', 'b']}}", id="inline"),
    ],
)
def test_equal_settings_are_equal_text(loads: Loads, own: str) -> None:
    assert text(loads, "os: bottlerocket", f'user_data: "{own}"') == (
        '[settings]\nmotd = "x"\n\n'
        '[settings.ecs]\nawsvpc-block-imds = true\ncluster = "shop"\ncontainer-stop-timeout = "30s"\n\n'
        '[settings.ntp]\ntime-servers = ["a", "b"]\n'
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("t4g.small", "arm64"), ("m7gd.large", "arm64"), ("im4gn.large", "arm64"), ("is4gen.large", "arm64"),
        ("g5g.xlarge", "arm64"), ("a1.large", "arm64"), ("hpc7g.4xlarge", "arm64"), ("c8gb.large", "arm64"),
        ("t3.small", "x86_64"), ("t3a.small", "x86_64"), ("g4dn.xlarge", "x86_64"), ("gr6.4xlarge", "x86_64"),
        ("p4d.24xlarge", "x86_64"), ("x2iedn.xlarge", "x86_64"), ("u7i-12tb.224xlarge", "x86_64"),
        ("u-6tb1.metal", None), ("strange", None),
    ],
)  # fmt: skip
def test_the_family_of_a_type_tells_its_architecture(kind: str, expected: str | None) -> None:
    assert architecture_of(kind) == expected
