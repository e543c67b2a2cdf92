"""What still runs on a pool's hosts: ECS lists a task that is stopping where nobody looks for what runs."""

from __future__ import annotations

from typing import Any

from controller.aws.providers import tasks_on

TASKS = {  # what each is told, what it does, where it runs, who started it
    "serves": ("RUNNING", "RUNNING", "pool", "service:web"),
    "drains": ("STOPPED", "DEACTIVATING", "pool", "service:web"),
    "gone": ("STOPPED", "STOPPED", "pool", "service:web"),
    "elsewhere": ("RUNNING", "RUNNING", "other", "service:web"),
    "by hand": ("RUNNING", "RUNNING", "pool", "family:tool"),
}


class Ecs:
    """Two lists, by what the tasks are told."""

    def list_tasks(self, desiredStatus: str, **_: Any) -> Any:  # noqa: N803 - AWS's name
        return {"taskArns": [name for name, (told, *_) in TASKS.items() if told == desiredStatus]}

    def describe_tasks(self, tasks: list[str], **_: Any) -> Any:
        rows = [(name, *TASKS[name]) for name in tasks]
        return {
            "tasks": [
                {"taskArn": name, "lastStatus": last, "capacityProviderName": provider, "group": group}
                for name, _, last, provider, group in rows
            ]
        }


class Aws:
    ecs = Ecs()


def test_a_task_that_is_stopping_holds_its_hosts() -> None:
    assert tasks_on(Aws(), "shop", "pool") == 2  # type: ignore[arg-type]
