"""The specs of the long rehearsal: each can be read, and each asks for something that the one before it did not."""

from __future__ import annotations

from pathlib import Path

from controller.engine.observe import declare
from controller.rehearsal.every_change import Story, rows, size
from controller.resources import RECONCILERS
from controller.spec.load import load


def test_every_row_asks_for_something_else(tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.choose(hosts__main__size=size(2))
    before = declare(load(str(story.spec), ()).stack, RECONCILERS)
    for name, _, fields in rows("sg-0123456789abcdef0"):
        story.choose(**fields)
        after = declare(load(str(story.spec), ()).stack, RECONCILERS)
        assert after != before, name
        before = after
