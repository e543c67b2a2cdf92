"""Plan, status and the end of an apply for people. Pure.

The plan reads like terraform's: a symbol, an address, and field by field what changes; then what will happen to the
hosts, with the numbers. Colours are ANSI codes, and only where the caller says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from controller.base.keys import HALTED_TAG
from controller.base.words import plural
from controller.engine.steps import Step
from controller.report.fields import Line, field_lines, left_lines
from controller.report.hosts import HostView, counts, rolling, span
from controller.report.moves import hosts_to_show, moves_of, next_of, underway, unfinished, waits_of
from controller.report.seen import Tick
from controller.report.status import status_document, status_text
from controller.report.style import Paint
from controller.report.values import printable
from controller.rollout.drained import agent_lost
from controller.rollout.forecast import Forecast
from controller.rollout.model import Fleet, Policy
from controller.rollout.moves import Done, Forget, Halt, MarkAway, Wait
from controller.spec.types import Stack

__all__ = ["plan_markdown", "plan_text", "status_document", "status_text", "summary_text"]

SYMBOLS: Mapping[str, str] = {"create": "+", "update": "~", "replace": "+/-", "delete": "-", "read": "<="}
RISK_WORDS = {
    "cosmetic": "cosmetic",
    "in_place": "in place",
    "new_deployment": "new deployment",
    "host_roll": "replaces hosts",
    "replace": "replacement",
    "destructive": "deletion",
}
COMMENT_MAX = 65_000  # characters; GitHub refuses a comment of more than 65 536
ROWS_MAX = 100  # of the table of a comment


def plan_text(seen: Tick, stack: Stack, *, color: bool) -> str:
    """What apply would do, for a terminal."""
    return "\n".join([*_plan_lines(seen, stack, Paint(color)), ""])


def plan_markdown(seen: Tick, stack: Stack) -> str:
    """The plan as a comment for a pull request: the summary in the open, the details folded."""
    lines = [f"### theseus plan: `{stack.name}` ({stack.region})", "", f"**{summary_line(seen)}**"]
    if seen.plan.problems:
        lines += ["", "**Not applicable as it stands:**", *(f"- {_cell(one)}" for one in seen.plan.problems)]
    steps = [step for step in seen.plan.steps if step.action != "none"]
    if steps:
        lines += ["", "| | resource | what | risk |", "|---|---|---|---|"]
        lines += [
            f"| `{SYMBOLS[s.action]}` | `{s.key}` | {_cell(_brief(s, seen))} | {_risk(s)} |" for s in steps[:ROWS_MAX]
        ]
        lines += [f"| | and {len(steps) - ROWS_MAX} more | | |"] if len(steps) > ROWS_MAX else []
    if rollout := list(_rollout(seen, Paint(False))):
        lines += ["", "**Hosts**", *(f"- {_cell(line.strip())}" for line in rollout)]
    if seen.plan.orphans:
        lines += ["", f"**Not in the spec any more:** {', '.join(f'`{key}`' for key in seen.plan.orphans)}"]
    if left := [f"`{s.key}` {_cell(change.field)}" for s in seen.plan.steps for change in s.left]:
        lines += ["", f"**Not as the spec says, and left so:** {', '.join(left)}"]
    if seen.plan.notes:
        lines += ["", "**Notes**", *(f"- {_cell(note)}" for note in seen.plan.notes)]
    room = COMMENT_MAX - len("\n".join(lines))
    return "\n".join([*lines, "", *_folded(plan_text(seen, stack, color=False), room)]) + "\n"


def summary_line(seen: Tick) -> str:
    """``Plan: 3 to create, 1 to change, 0 to replace, 0 to delete; 3 hosts to replace.``"""
    kinds = Counter(step.action for step in seen.plan.pending)
    split = [counts(seen, one) for one in seen.forecasts]
    hosts = {
        "replace": sum(one.replace for one in split),
        "remove": sum(one.remove for one in split),
        "add": sum(one.add for one in split),
    }
    moving = ", ".join(f"{plural(count, 'host')} to {what}" for what, count in hosts.items() if count)
    if not seen.plan.pending and not moving:
        if seen.plan.problems:
            return f"Nothing can be done: {plural(len(seen.plan.problems), 'problem')}."
        if waiting := [step for step in seen.plan.steps if step.action == "read"]:
            return f"Nothing can be done: {', '.join(str(step.key) for step in waiting)} not found yet."
        if left := [fleet.pool for fleet in unfinished(seen)]:
            return f"Plan: no resource to change; hosts of {', '.join(left)} left half-way, to be finished."
        calm = all(isinstance(move, Done) for _, move in seen.moves) and not seen.plan.busy
        proved = all(one.state == "succeeded" for one in seen.verdicts)
        if seen.plan.left_out:
            return "No changes in scope."
        if not (calm and proved):
            return "No changes to make; not settled yet."
        aside = any(step.left for step in seen.plan.steps)
        return f"No changes: AWS is as the spec says{', but for what drift: warn leaves' if aside else ''}."
    steps = (
        f"{kinds['create']} to create, {kinds['update']} to change, "
        f"{kinds['replace']} to replace, {kinds['delete']} to delete"
    )
    refused = f" Refused while there are problems ({len(seen.plan.problems)})." if seen.plan.problems else ""
    return f"Plan: {steps}; {moving}.{refused}" if moving else f"Plan: {steps}.{refused}"


def summary_text(document: dict[str, Any]) -> str:
    """The end of an apply in a few lines, from its document."""
    done = Counter(step["action"] for step in document["steps"] if step["outcome"] == "done")
    words = {"create": "created", "update": "changed", "replace": "replaced", "delete": "deleted"}
    what = ", ".join(f"{count} {words[name]}" for name in words if (count := done[name])) or "no resource changed"
    took = span(timedelta(seconds=document["duration_s"]))
    calls = sum(document["api_calls"].values())
    lines = [f"{document['outcome'].replace('_', ' ').capitalize()} after {took}: {what}; {calls} API calls."]
    for one in document["rollouts"]:
        lines += _rolled_lines(one)
    for service in document["services"]:
        lines.append(f"  service {service['service']}: {service['state'].replace('_', ' ')}: {service['why']}")
    lines += [f"  {pool}: halted: {why}" for pool, why in document.get("halted", {}).items()]
    for step in document["steps"]:
        if step["outcome"] != "done":
            why = (step["why"] or "").removeprefix(f"{step['address']}: ")
            lines.append(
                f"  not done: {step['address']} ({step['action']}, {step['outcome'].replace('_', ' ')}): {why}"
            )
    return "\n".join([*lines, ""])


# ------------------------------------------------------------------------------------------------ the plan
def _plan_lines(seen: Tick, stack: Stack, paint: Paint) -> Iterator[str]:
    steps = [step for step in seen.plan.steps if step.action != "none"]
    if steps:
        yield f"theseus will make these changes to {paint.bold(stack.name)} ({stack.region}):"
    for step in steps:
        yield ""
        yield from _step_lines(step, seen, paint)
    if steps:
        yield ""
    if rollout := list(_rollout(seen, paint)):
        yield from [paint.bold("Hosts:"), *rollout, ""]
    if verdicts := [one for one in seen.verdicts if one.state != "succeeded"]:
        yield paint.bold("Services that are not settled:")
        yield from (f"  {one.service}: {one.state.replace('_', ' ')}: {printable(one.why)}" for one in verdicts)
        yield ""
    if left := [step for step in seen.plan.steps if step.left]:
        yield paint.bold("Not as the spec says, and left so (drift: warn):")
        for step in left:
            yield f"      {step.key}"
            yield from _lines(left_lines(step), paint)
        yield ""
    if seen.plan.orphans:
        yield paint.bold("Ours, live, and not in the spec:")
        deleting = {step.key for step in steps if step.action == "delete"}
        yield from (f"  {k}{'' if k in deleting else ' (kept; --prune deletes it)'}" for k in seen.plan.orphans)
        yield ""
    if seen.plan.busy:
        yield from [paint.bold("Not ready yet:"), *(f"  {printable(line)}" for line in seen.plan.busy), ""]
    if seen.plan.notes:
        yield from [paint.bold("Notes:"), *(f"  {printable(note)}" for note in seen.plan.notes), ""]
    if seen.plan.problems:
        yield paint("-", paint.bold("Problems (apply refuses this plan):"))
        yield from (f"  {printable(problem)}" for problem in seen.plan.problems)
        yield ""
    yield paint.bold(summary_line(seen))


def _step_lines(step: Step, seen: Tick, paint: Paint) -> Iterator[str]:
    symbol = SYMBOLS[step.action]
    yield f"  {paint(symbol, symbol.rjust(3))} {paint.bold(str(step.key))}  {paint.dim(f'# {_what(step, seen)}')}"
    if held := seen.held.get(step.key):
        yield f"      {paint('~', f'waits: {held.why}')}"
    yield from _lines(field_lines(step), paint)


def _lines(fields: Iterator[Line], paint: Paint) -> Iterator[str]:
    for mark, text in fields:
        deep = "    " if text.startswith("    ") else ""
        yield f"      {deep}{paint(mark, f'{mark} {text[len(deep) :]}')}".rstrip()


def _what(step: Step, seen: Tick) -> str:
    """The heading's words: what will happen, and what it means for what runs."""
    words = {
        "create": "will be created",
        "update": f"will change ({RISK_WORDS[step.risk]})",
        "replace": "will be replaced without a gap",
        "delete": "will be deleted",
        "read": "is not there yet: what depends on it waits",
    }
    reason = f": {step.reason}" if step.action == "replace" or step.risk == "replace" else ""
    still = " (the old one is still going away)" if step.action == "create" and step.observed is not None else ""
    held = ", waits" if step.key in seen.held else ""
    return f"{words[step.action]}{still}{held}{reason}"


def _risk(step: Step) -> str:
    return {"create": "new", "read": ""}.get(step.action, RISK_WORDS[step.risk])


def _brief(step: Step, seen: Tick) -> str:
    """For a table that has the risk in a column of its own: the fields that change."""
    if step.action != "update":
        return _what(step, seen)
    return f"changes {', '.join(change.field for change in step.changes)}{', waits' if step.key in seen.held else ''}"


def _rollout(seen: Tick, paint: Paint) -> Iterator[str]:
    for one in seen.forecasts:
        yield f"  {one.pool}: {_pace(one, seen)}"
        if one.binding and not one.infeasible:
            yield f"      paced by {one.binding}" if not one.binding.startswith("none") else f"      {one.binding[6:]}"
        if one.uneven and not one.infeasible:
            yield "      one more should the group leave its zones uneven, which is AWS's choice at each launch"
        if one.infeasible:
            told = any(problem.endswith(one.infeasible) for problem in seen.plan.problems)
            why = "INFEASIBLE, see the problems below" if told else f"INFEASIBLE: {printable(one.infeasible)}"
            yield f"      {paint('-', why)}"
        yield from (f"      {paint('-', f'lost: {one}')}" for one in _lost(seen, one.pool))
    infeasible = {one.pool for one in seen.forecasts if one.infeasible}
    for pool, move in seen.moves:
        fleet = next((one for one in seen.fleets if one.pool == pool), None)
        if isinstance(move, Halt) and pool not in infeasible:
            yield f"  {pool}: {paint('-', f'halted: {printable(move.why)}')}"
        elif isinstance(move, Forget) and HALTED_TAG in move.tags and fleet is not None and fleet.halted is not None:
            yield f"  {pool}: {paint('~', f'was halted ({fleet.halted.code}); apply tries again')}"
        elif isinstance(move, Wait) and fleet is not None and not underway(fleet):
            yield f"  {pool}: now: {printable(move.why)}"
        elif isinstance(move, MarkAway):
            yield f"  {pool}: now: the agent of {move.host} is not connected; {move.why}"
    for fleet in unfinished(seen):
        yield from _unfinished(fleet, seen, paint)


def _lost(seen: Tick, pool: str) -> list[str]:
    """Hosts of the wanted version that are replaced because their agent is lost."""
    hosts = [host for fleet in seen.fleets if fleet.pool == pool for host in fleet.live if agent_lost(host, seen.now)]
    return [f"{host.id}, agent away {span(seen.now - host.away.since)}" for host in hosts if host.away]


def _unfinished(fleet: Fleet, seen: Tick, paint: Paint) -> Iterator[str]:
    """Where a roll stands that is under way, what apply does about it first, and what that waits for."""
    if fleet.roll is not None:
        hosts = f"{plural(len(fleet.old), 'old host')}, {len(fleet.new)} new"
        began = span(seen.now - fleet.roll.started)
        yield f"  {fleet.pool}: roll to {fleet.roll.generation} under way, begun {began} ago; {hosts}"
    elif underway(fleet):
        yield f"  {fleet.pool}: what a roll left behind"
    else:
        yield f"  {fleet.pool}: to be put right"
    if underway(fleet):
        shown, more = hosts_to_show(fleet, seen.policies.get(fleet.pool, Policy()), seen)
        yield from (f"      {_host_words(view, seen)}" for view in shown)
        yield from [f"      {more}"] if more else []
    if fleet.pool in rolling(seen):
        yield f"      {paint('~', 'next: the launch template changes, and its hosts are old too')}"
        return
    moves = moves_of(seen, fleet.pool)
    cleared = [move for move in moves if isinstance(move, Forget) and HALTED_TAG in move.tags]  # has its own line
    for one in next_of((move for move in moves if move not in cleared), fleet):
        yield f"      {paint('~', f'next: {one.words}: {printable(one.why)}')}"
    for why in waits_of(moves):
        yield f"      {paint('~', f'waits: {printable(why)}')}"


def _host_words(view: HostView, seen: Tick) -> str:
    since = f" {span(seen.now - view.since)}" if view.since is not None else ""
    facts = [f"{view.state}{since}", view.zone, plural(view.tasks, "task")]
    facts += [f"targets {view.targets_text}"] if view.targets[1] else []
    return f"{'new' if view.current else 'old'} {view.id}: {', '.join(facts)}"


def _pace(one: Forecast, seen: Tick) -> str:
    """What happens to a pool's hosts, in one sentence of numbers."""
    split = counts(seen, one)
    fleet = next((fleet for fleet in seen.fleets if fleet.pool == one.pool), None)
    live = len(fleet.live) if fleet else 0
    parts = [f"{plural(split.replace, 'host')} to replace"] if split.replace else []
    parts += [f"{plural(split.remove, 'host')} to remove once drained"] if split.remove else []
    parts += [f"{plural(split.add, 'host')} to add"] if split.add else []
    waves = f" in {plural(one.waves, 'wave')}" if one.waves else ""
    size = f"size {one.size}" if one.size == live else f"size {live} -> {one.size}"
    floor = f", never fewer than {one.floor} serving" if split.replace or split.remove else ""
    return f"{' and '.join(parts)}{waves}; {size}{floor}, at most {one.peak}; about {span(one.duration)}"


# ------------------------------------------------------------------------------------------------ small things
def _rolled_lines(one: dict[str, Any]) -> Iterator[str]:
    gone = sum(1 for host in one["hosts"] if host["terminated"])
    word = "" if one["ended"] else " so far"
    yield f"  {one['pool']}: {plural(gone, 'host')} replaced or removed{word}, rolled to {one['generation']}"
    if one["resumed"]:
        yield "      taken up after an interruption: lowest and highest counts of the whole roll are not known"
    elif one["min_serving"] is not None:
        start = one["serving_at_start"]
        began = f", {start} when it began" if start is not None and start < one["floor"] else ""
        low = f"never fewer than {one['min_serving']} hosts serving (floor {one['floor']}{began})"
        yield f"      {low}, peak {one['peak']}"
    if one["moves_per_task"] is not None:
        yield f"      {one['moves_per_task']:g} moves per task"
    if requests := one["requests"]:
        yield "      requests: " + ", ".join(f"{name} {value}" for name, value in requests.items())


def _cell(text: str) -> str:
    """*text* inside a table or a list of Markdown: one line, nothing in it is markup."""
    return re.sub(r"([|<>\[\]`*_])", r"\\\1", printable(text).replace("\n", " "))


def _folded(text: str, room: int) -> list[str]:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    words = "... cut: a comment holds no more; run theseus plan for the rest"
    spare = room - 2 * len(fence) - 200  # the markup around it
    if len(text) > spare:
        text = f"{text[: max(0, spare)]}\n{words}"
    return ["<details><summary>Every change</summary>", "", f"{fence}text", text.rstrip("\n"), fence, "", "</details>"]
