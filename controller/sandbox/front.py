"""moto behind one WSGI callable, without a web framework's routing where there is nothing to route.

Nearly every operation of AWS is a POST to ``/``, told apart by its body. Those go straight to moto's class for the
service, those of ECS to the world itself; all others take moto's own road. A third of what moto costs is saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from botocore.exceptions import ClientError
from moto.core.request import Request
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from controller.sandbox import straight

View = Callable[..., Any]
CALLED = {"elasticloadbalancing": "elbv2", "monitoring": "cloudwatch"}  # what requests are signed for: what we say


class Incoming(Request):  # type: ignore[misc]
    """A request as moto's server takes it."""

    from_wsgi_server = True


class Front:
    """The WSGI application. It is as unsafe for threads as moto is."""

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._views: dict[str, View] = {}

    def __call__(self, env: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        access_key, region, service = credential(env)
        if service == "?" or env["REQUEST_METHOD"] != "POST" or env.get("PATH_INFO") != "/":
            return list(self._moto(env, start))
        if service == "ecs" and (body := straight.answer(env, access_key, region)) is not None:
            start("200 OK", [("Content-Type", straight.JSON), ("Content-Length", str(len(body)))])
            return [body]
        view = self._views.get(service)
        if view is None:
            view = self._views[service] = self._view(env)
        request = Incoming(env)
        try:
            result = view(request, request.raw_url, dict(request.headers))
        except ClientError as error:
            result = 400, {}, error.response["Error"]["Message"]
        except HTTPException as error:
            return list(error.get_response(env)(env, start))
        status, headers, content = result if len(result) == 3 else (200, {}, result)
        return list(Response(content, status, headers)(env, start))

    def _view(self, env: dict[str, Any]) -> View:
        """What moto's own routing finds for a POST to ``/`` of this service."""
        application = self._moto.get_application(env)
        endpoint, _ = application.url_map.bind("127.0.0.1").match("/", "POST")
        view: View = application.view_functions[endpoint].callback
        return view


def credential(env: dict[str, Any]) -> tuple[str, str, str]:
    """(access key, region, service) that a request is signed with and for; ``?`` where it is not signed."""
    parts = str(env.get("HTTP_AUTHORIZATION", "")).partition("Credential=")[2].partition(",")[0].split("/")
    return (parts[0], parts[2], parts[3]) if len(parts) > 3 else ("?", "?", "?")


def named(env: dict[str, Any], body: bytes) -> tuple[str, str]:
    """(service, action), from the signature's scope and the target header or form."""
    _, _, service = credential(env)
    target = env.get("HTTP_X_AMZ_TARGET")
    if target:
        action = target.rpartition(".")[2]
    else:
        form = parse_qs(body[:4096].decode("utf-8", "replace"))
        action = form.get("Action", [env.get("PATH_INFO", "?") if service != "?" else "?"])[0]
    return CALLED.get(service, service), action
