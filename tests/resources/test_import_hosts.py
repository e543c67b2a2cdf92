"""What import writes of the words that hosts begin with: their own, without those that the controller says itself."""

from __future__ import annotations

import pytest

from controller.modes.draft_hosts import _os, _own_lines
from controller.resources.launch_template import parse_template
from controller.spec.user_data import own_settings

JOINS = "#!/bin/bash\ncat <<'EOF' >> /etc/ecs/ecs.config\nECS_CLUSTER=shop\nECS_AWSVPC_BLOCK_IMDS=true\nEOF\n"


@pytest.mark.parametrize(
    ("text", "own"),
    [
        pytest.param(JOINS, "", id="ours"),
        pytest.param("#!/bin/bash\necho ECS_CLUSTER=shop >> /etc/ecs/ecs.config\n", "", id="one line"),
        pytest.param(f"{JOINS}echo hello\n\necho again\n", "echo hello\n\necho again\n", id="lines of its own"),
        pytest.param(
            f"{JOINS}cat <<EOF > /etc/motd\nhello\nEOF\n", "cat <<EOF > /etc/motd\nhello\nEOF\n", id="a document"
        ),
        pytest.param(
            JOINS.replace("ECS_AWS", 'ECS_LOGLEVEL=debug\nECS_AVAILABLE_LOGGING_DRIVERS=["awslogs"]\nECS_AWS'),
            "echo 'ECS_LOGLEVEL=debug' >> /etc/ecs/ecs.config\n"
            "echo 'ECS_AVAILABLE_LOGGING_DRIVERS=[\"awslogs\"]' >> /etc/ecs/ecs.config\n",
            id="settings of the agent",
        ),
        pytest.param(
            "#!/bin/bash\necho ECS_LOGLEVEL=debug > /etc/ecs/ecs.config\necho ECS_CLUSTER=a >> /etc/ecs/ecs.config\n",
            "echo ECS_LOGLEVEL=debug >> /etc/ecs/ecs.config\n",
            id="a line that would take ours away",
        ),
    ],
)
def test_what_a_script_does_beside_joining_is_kept(text: str, own: str) -> None:
    assert _own_lines(text) == (own, [])


def test_a_line_that_cannot_be_told_apart_is_told() -> None:
    text = '#!/bin/bash\necho "ECS_CLUSTER=shop\nECS_LOGLEVEL=debug" >> /etc/ecs/ecs.config\n'

    assert _own_lines(text) == ("", ['ECS_LOGLEVEL=debug" >> /etc/ecs/ecs.config'])


@pytest.mark.parametrize(
    ("text", "own"),
    [
        pytest.param(JOINS, None, id="a script"),
        pytest.param("", None, id="nothing"),
        pytest.param("cluster = 'shop'", None, id="no settings"),
        pytest.param('[settings.ecs]\ncluster = "shop"\nawsvpc-block-imds = true\n', "", id="ours alone"),
        pytest.param(
            '[settings.ecs]\ncluster = "shop"\nimage-pull-behavior = "once"\n[settings.kernel]\nlockdown = "none"\n',
            '[settings.ecs]\nimage-pull-behavior = "once"\n\n[settings.kernel]\nlockdown = "none"\n',
            id="and others",
        ),
    ],
)
def test_settings_of_bottlerocket_are_its_own_without_ours(text: str, own: str | None) -> None:
    assert own_settings(text) == own


@pytest.mark.parametrize(
    ("image", "settings", "said"),
    [
        ("ami-1", None, {}),
        ("ami-1", "", {"os": "bottlerocket"}),
        ("resolve:ssm:/aws/service/bottlerocket/aws-ecs-2/x86_64/latest/image_id", None, {"os": "bottlerocket"}),
    ],
)
def test_bottlerocket_is_told_by_its_settings_or_its_image(
    image: str, settings: str | None, said: dict[str, str]
) -> None:
    """Hosts of it that were told a shell script would not join."""
    version = {"LaunchTemplateId": "lt-1", "LaunchTemplateName": "n", "VersionNumber": 1}
    template = parse_template({**version, "LaunchTemplateData": {"ImageId": image}}, {}).as_desired

    assert _os(template, settings) == said
