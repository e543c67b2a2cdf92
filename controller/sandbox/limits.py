"""What AWS takes of tags, whatever they are of. Pure."""

from __future__ import annotations

from collections.abc import Mapping

KEY_MAX, VALUE_MAX, TAGS_MAX = 128, 256, 50  # bc ecs:Tag, bc autoscaling:Tag


def too_much(tags: Mapping[str, str]) -> str:
    """What AWS has against *tags*: how many they are, or how long one is; "" for nothing."""
    if len(tags) > TAGS_MAX:
        return f"{len(tags)} tags; a resource has at most {TAGS_MAX}"
    for key, value in tags.items():
        if not 1 <= len(key) <= KEY_MAX or len(value) > VALUE_MAX:
            return f"the tag {key[:40]}: a key has 1 to {KEY_MAX} characters, a value at most {VALUE_MAX}"
    return ""
