"""Lists come in another order each time; what is in them, and lists whose order says something, stay."""

from __future__ import annotations

import json
import random
import xml.etree.ElementTree as ElementTree

from controller.sandbox.shuffling import shuffled

MANY = list(range(20))


def test_json_lists_are_shuffled_but_not_commands() -> None:
    document = {"services": [{"tags": MANY, "command": MANY}], "events": MANY}

    found = json.loads(shuffled(json.dumps(document).encode(), random.Random(1)))

    (service,) = found["services"]
    assert (service["command"], found["events"]) == (MANY, MANY)
    assert service["tags"] != MANY
    assert sorted(service["tags"]) == MANY


def test_xml_lists_and_lists_in_one_string_are_shuffled() -> None:
    members = "".join(f"<member><Id>{number}</Id></member>" for number in MANY)
    zones = ",".join(map(str, MANY))
    lists = f"<Rules>{members}</Rules><Actions>{members}</Actions><VPCZoneIdentifier>{zones}</VPCZoneIdentifier>"
    text = f'<R xmlns="urn:x">{lists}</R>'

    rules, actions, zone = ElementTree.fromstring(shuffled(text.encode(), random.Random(1)))

    order = [member[0].text for member in rules]
    assert order != list(map(str, MANY))
    assert sorted(order, key=lambda number: int(number or "")) == list(map(str, MANY))
    assert [member[0].text for member in actions] == list(map(str, MANY))
    assert sorted((zone.text or "").split(","), key=int) == list(map(str, MANY))
    assert zone.text != zones


def test_what_is_neither_is_left_as_it_is() -> None:
    assert shuffled(b"", random.Random(1)) == b""
    assert shuffled(b"plain", random.Random(1)) == b"plain"
