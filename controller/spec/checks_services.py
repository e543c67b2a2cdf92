"""Checks of services: references, traffic, and deployments and drains that can move and end."""

from __future__ import annotations

import math
from datetime import timedelta

from controller.base.words import plural
from controller.spec.check import Check, spell
from controller.spec.checks_compute import check_compute
from controller.spec.checks_containers import check_containers
from controller.spec.places import Path, dotted
from controller.spec.schema import near
from controller.spec.types import Pool, Route, Service, Stack

LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
KEPT_MAX = timedelta(minutes=2880)  # aws.md 4.5
TASK_LIFE = timedelta(seconds=30)  # margin for ECS to start a replacement and to notice that a task ended
CONDITIONS_MAX = 5  # aws.md 2.6: condition values of one rule


def check_service(stack: Stack, service: Service, one: Check) -> None:
    path: Path = ("services", service.name)
    pools = check_compute(stack, service, one)
    _image(stack, service, one, path)
    check_containers(service, one)
    one.between((*path, "stop_timeout"), service.stop_timeout, 2, 3600)
    _log(service, one, path)
    if service.route is not None:
        _traffic(service, one, path)
    else:
        _no_traffic(one, path)
    _percentages(service, one, path)
    _codedeploy(service, one, path)
    for pool in pools:
        _drain(service, pool, one, path)


def _image(stack: Stack, service: Service, one: Check, path: Path) -> None:
    image = service.image
    repositories = {repository.name: repository for repository in stack.repositories}
    if image.repository is not None and image.repository not in repositories:
        one.fail((*path, "image", "repository"), f"there is no repository {image.repository}",
                 near(image.repository, repositories) or "declare it under registry",
                 (("registry", image.repository),))  # fmt: skip
    reference = image.reference or ""
    if any(letter.isspace() for letter in reference):
        one.fail((*path, "image"), f'"{reference}" holds a space')
        return
    last = reference.rpartition("/")[2]
    tag = image.tag if image.repository is not None else last.partition(":")[2] or "latest"
    if tag != "latest" or "@" in last:
        return
    repository = repositories.get(image.repository or "")
    if repository is not None and repository.immutable:
        one.fail((*path, "image", "tag"), f"latest, but registry.{repository.name} is immutable: it can be pushed once",
                 "a tag per build", (("registry", repository.name, "immutable"),))  # fmt: skip
    else:
        one.warn((*path, "image"), "the tag latest may mean another image for every task that starts, and a push to it "
                 "is no change of this spec; a tag per build is")  # fmt: skip


def _log(service: Service, one: Check, path: Path) -> None:
    days = service.log_retention.total_seconds() / 86400
    if days not in LOG_DAYS:
        closest = next((one_of for one_of in LOG_DAYS if one_of > days), LOG_DAYS[-1])
        words = "the next it does" if closest > days else "the most it does"
        one.fail((*path, "log_retention"), f"CloudWatch does not keep logs for {spell(service.log_retention)}",
                 f"{words}: {closest}d")  # fmt: skip


# ------------------------------------------------------------------------------------------------ traffic
def _traffic(service: Service, one: Check, path: Path) -> None:
    health, at = service.health, (*path, "health")
    one.between((*at, "interval"), health.interval, 5, 300)
    one.between((*at, "timeout"), health.timeout, 2, 120)
    one.between((*at, "grace"), health.grace, 0, 86400)
    one.between((*path, "deregistration_delay"), service.deregistration_delay, 0, 3600)
    if health.timeout >= health.interval:
        numbers = f"timeout {spell(health.timeout)}, interval {spell(health.interval)}"
        one.fail((*at, "timeout"), f"expected less than the interval, got {numbers}", "", ((*at, "interval"),))
    if health.grace < health.interval:
        numbers = f"grace {spell(health.grace)} < interval {spell(health.interval)}"
        words = f"{numbers}: ECS may stop a task that starts slowly before its first check"
        one.warn((*at, "grace"), words, ((*at, "interval"),))
    if len(health.path) > 1024:
        one.fail((*at, "path"), f"expected at most 1024 characters, got {len(health.path)}")
    for part in health.matcher.split(","):
        low, dash, high = part.partition("-")
        if dash and high < low:
            one.fail((*at, "matcher"), f"{part} ends before it begins", f"{high}-{low}")
    _spreading(service, one, path)
    if service.deregistration_delay == timedelta():
        one.warn((*path, "deregistration_delay"), "0s cuts every request in flight when its task leaves")


def _spreading(service: Service, one: Check, path: Path) -> None:
    """What AWS takes of slow start, algorithm and stickiness, and what of it together."""
    at: Path = (*path, "slow_start")
    if service.slow_start != timedelta():
        one.between(at, service.slow_start, 30, 900)
    chosen, algorithm = service.algorithm, (*path, "algorithm")
    if chosen != "round_robin" and service.slow_start != timedelta():
        one.fail(at, f"AWS has no slow start with {chosen}", "round_robin, or leave slow_start out", (algorithm,))
    if service.stickiness is None:
        return
    sticky: Path = (*path, "stickiness")
    one.between((*sticky, "duration"), service.stickiness.duration, 1, 604800)
    if chosen == "weighted_random":
        one.fail(
            sticky, "AWS has no stickiness with weighted_random", "another algorithm, or leave it out", (algorithm,)
        )
    cookie = service.stickiness.cookie or ""
    if cookie.startswith("AWSALB"):
        one.fail((*sticky, "cookie"), f"{cookie} is a name of the load balancer's own",
                 "leave cookie out for its own, or name one that the application sets")  # fmt: skip


def _no_traffic(one: Check, path: Path) -> None:
    for key in ("health", "deregistration_delay", "slow_start", "algorithm", "stickiness"):
        if one.given((*path, key)) is not None:
            one.warn((*path, key), "means nothing without a route", ((*path, "route"),))


# ------------------------------------------------------------------------------------------------ deployments, drains
def _percentages(service: Service, one: Check, path: Path) -> None:
    """Whether a deployment and a drain can move at all (aws.md 1.2: the floor rounds up, the ceiling down)."""
    deployment, desired = service.deployment, service.desired
    at: Path = (*path, "deployment", "max_percent")
    reads: tuple[Path, ...] = ((*path, "deployment", "min_percent"),)
    if deployment.min_percent == deployment.max_percent == 100:
        one.fail(at, "min_percent 100 and max_percent 100: no task may stop before its replacement runs, and none may "
                 "start before one stopped: nothing could ever be replaced, at any size",
                 "max_percent: 200, or less min_percent", reads)  # fmt: skip
        return
    if desired == 0:
        return
    floor, ceiling = _bounds(service)
    if floor >= desired and ceiling <= desired:
        enough = math.ceil(100 * (desired + 1) / desired)
        one.fail(at, f"{plural(desired, 'task')}: at least {floor} must stay ({deployment.min_percent} %, rounded up) "
                 f"and at most {ceiling} may run ({deployment.max_percent} %, rounded down): nothing could ever be "
                 "replaced",
                 f"max_percent of at least {enough}, or less min_percent", (*reads, (*path, "desired")))  # fmt: skip
    elif floor < desired and service.route is not None:
        one.warn(reads[0], f"lets {desired - floor} of {plural(desired, 'task')} be missing during a "
                 "deployment or drain", ((*path, "desired"),))  # fmt: skip


def _codedeploy(service: Service, one: Check, path: Path) -> None:
    """What CodeDeploy needs, and what is ECS's alone (aws.md 4.3, 4.5)."""
    at: Path = (*path, "deployment")
    if not service.by_codedeploy:
        for key in ("config", "keep"):
            if one.given((*at, key)) is not None:
                one.fail((*at, key), "is CodeDeploy's", "strategy: codedeploy, or leave it out", ((*at, "strategy"),))
        return
    strategy: Path = (*at, "strategy")
    if service.route is None:
        one.fail(strategy, "CodeDeploy moves the traffic of a load balancer, and there is no route", "give it a route",
                 ((*path, "route"),))  # fmt: skip
    if service.daemon:
        one.fail(strategy, "CodeDeploy takes no daemon", "rolling", ((*path, "daemon"),))
    if service.stickiness is not None:
        one.fail(strategy, "the traffic of a sticky service cannot be moved by weights", "leave stickiness out",
                 ((*path, "stickiness"),))  # fmt: skip
    for key in ("circuit_breaker", "min_percent", "max_percent"):
        if one.given((*at, key)):
            one.fail((*at, key), "is of ECS's own deployments, and CodeDeploy has none", "leave it out", (strategy,))
    keep = service.deployment.keep
    if keep % timedelta(minutes=1) or keep > KEPT_MAX:
        one.fail((*at, "keep"), f"expected whole minutes, at most {spell(KEPT_MAX)}, got {spell(keep)}")


def _bounds(service: Service) -> tuple[int, int]:
    """How few and how many tasks ECS allows: 4 tasks at 90 % and 120 % are (4, 4)."""
    deployment = service.deployment
    floor = -(-service.desired * deployment.min_percent // 100)
    return floor, service.desired * deployment.max_percent // 100


def _drain(service: Service, pool: Pool, one: Check, path: Path) -> None:
    """A task's replacement becomes healthy, then its target drains, then it stops: a drain must have time for all."""
    parts = {"stop_timeout": service.stop_timeout}
    reads: tuple[Path, ...] = ((*path, "stop_timeout"),)
    words = f"stop_timeout {spell(service.stop_timeout)}"
    if service.route is not None:
        health, delay = service.health, service.deregistration_delay
        parts = {"health": health.healthy * health.interval, "deregistration_delay": delay} | parts
        reads += ((*path, "deregistration_delay"), (*path, "health", "healthy"), (*path, "health", "interval"))
        words = (
            f"health {health.healthy} x {spell(health.interval)} + deregistration_delay {spell(delay)} + {words}"
            f" = {spell(sum(parts.values(), timedelta()))}"
        )
    each, limit = sum(parts.values(), timedelta()), pool.rollout.drain_timeout
    where: Path = ("hosts", pool.name, "rollout", "drain_timeout")
    if each > limit:
        longest: Path = (*path, max(parts, key=lambda part: parts[part]))
        written = [place for place in (longest, where) if one.given(place) is not None]
        one.fail((written or [longest])[0],
                 f"service {service.name}: {words} > drain_timeout {spell(limit)} of pool {pool.name}: "
                 "no drain could end in time",
                 f"raise {dotted(where)} to {spell(each + TASK_LIFE)}, or lower the others",
                 (where, *reads))  # fmt: skip
        return
    floor, ceiling = _bounds(service)
    at_once = max(1, ceiling - floor)
    crowd = -(-service.desired // max(1, pool.size.desired))
    rounds = -(-crowd // at_once)
    if rounds > 1 and rounds * each > limit:
        reads += ((*path, "desired"), (*path, "deployment"), ("hosts", pool.name, "size", "desired"), where)
        one.warn((*path, "deployment"),
                 f"{plural(crowd, 'task')} a host, {at_once} at once (ceiling {ceiling}, floor {floor}): {rounds} "
                 f"rounds of {spell(each)} = {spell(rounds * each)} > drain_timeout {spell(limit)} of pool {pool.name}",
                 reads)  # fmt: skip


# ------------------------------------------------------------------------------------------------ routes
def check_routes(stack: Stack, one: Check) -> None:
    listeners = {listener.name: listener for listener in stack.load_balancer.listeners} if stack.load_balancer else {}
    serving = [listener.name for listener in stack.load_balancer.serving] if stack.load_balancer else []
    priorities: dict[tuple[str, int], str] = {}
    routes = [(service, service.route) for service in stack.services if service.route is not None]
    for service, route in sorted(routes, key=lambda pair: (pair[1].listener, pair[1].priority, pair[0].name)):
        path: Path = ("services", service.name, "route")
        if service.port is None:
            one.fail((*path[:2], "port"), "is missing", "with a route, the port its container listens on")
        if not listeners:
            one.fail((*path, "listener"), "there is no load balancer", "add load_balancer with a listener",
                     (("load_balancer",),))  # fmt: skip
        elif not serving:
            one.fail((*path, "listener"), "every listener redirects: none can serve it", "", (("load_balancer",),))
        elif one.given((*path, "listener")) is None and len(serving) > 1:
            hint = f"with several listeners each route names one of {', '.join(serving)}"
            one.fail((*path, "listener"), "is missing", hint)
        elif route.listener not in listeners:
            reads: tuple[Path, ...] = (("load_balancer", "listeners", route.listener),)
            hint = near(route.listener, listeners) or f"there are {', '.join(listeners)}"
            one.fail((*path, "listener"), f"there is no listener {route.listener}", hint, reads)
        elif (to := listeners[route.listener].redirect) is not None:
            reads = (("load_balancer", "listeners", route.listener),)
            one.fail((*path, "listener"), f"{route.listener} redirects to {to}", f"{to} can serve it", reads)
        _patterns(route, one, path)
        other = priorities.setdefault((route.listener, route.priority), service.name)
        if other != service.name:
            reads = ((*path, "listener"), ("services", other, "route"))
            one.fail((*path, "priority"), f"{route.priority} is that of service {other} on listener {route.listener}",
                     f"free: {_free(route, stack)}", reads)  # fmt: skip
    _hidden([(service.name, route) for service, route in routes], one)


def _free(route: Route, stack: Stack) -> int:
    """The next priority after the route's that its listener has free."""
    taken = {s.route.priority for s in stack.services if s.route is not None and s.route.listener == route.listener}
    return next(one for one in range(route.priority, route.priority + len(taken) + 1) if one not in taken)


def _patterns(route: Route, one: Check, path: Path) -> None:
    if not route.path and not route.host:
        one.fail(path, "needs a path or a host", 'path: "/*" is everything', ((*path, "path"), (*path, "host")))
    if len(route.path) + len(route.host) > CONDITIONS_MAX:
        count = len(route.path) + len(route.host)
        one.fail(path, f"{count} patterns; a rule has at most {CONDITIONS_MAX}, of path and host together")
    for pattern in route.path:
        if not pattern.startswith(("/", "*")):
            one.fail((*path, "path"), f'"{pattern}" matches nothing: every path begins with /',
                         f"did you mean /{pattern}?")  # fmt: skip
    for what, patterns in (("path", route.path), ("host", route.host)):
        for pattern in patterns:
            if len(pattern) > 128:
                one.fail((*path, what), f"expected at most 128 characters, got {len(pattern)}")
            elif any(letter.isspace() for letter in pattern):
                one.fail((*path, what), f'"{pattern}" holds a space, and matches nothing')


def _hidden(routes: list[tuple[str, Route]], one: Check) -> None:
    """Routes that a rule before them leaves nothing."""
    for name, route in routes:
        for other, before in routes:
            if other == name or before.listener != route.listener or before.priority >= route.priority:
                continue
            everything = not before.host and {"*", "/*"} & set(before.path)
            if everything or (before.path, before.host) == (route.path, route.host):
                reads: tuple[Path, ...] = (("services", other, "route"),)
                one.warn(("services", name, "route"), f"service {other} takes all of it first (priority "
                         f"{before.priority} < {route.priority})", reads)  # fmt: skip
                break
