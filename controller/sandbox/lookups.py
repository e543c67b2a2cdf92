"""Lookups that moto repeats for every request, or for every field of an answer, and that never change: remembered.

They are most of what an answer costs (moto.md 7). Nothing of what moto says is another for it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import moto.backends as moto_backends
import moto.core.responses as moto_responses
import moto.core.serialize as moto_serialize
from moto.core.base_backend import AccountSpecificBackend
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker
from moto.core.utils import MISSING, get_value
from moto.ssm.models import Parameter, ParameterDict

from controller.sandbox import xml


def install() -> None:
    """Patch moto. Call it once per process."""
    _modules()
    _method_names()
    _regions()
    _public_parameters()
    moto_responses.XFormedAttributePicker = Picker
    moto_serialize.xmltodict = xml


def _modules() -> None:
    modules = list(moto_backends.list_of_moto_modules())
    moto_backends.list_of_moto_modules = lambda: modules


def _method_names() -> None:
    names: dict[type, Any] = {}
    original = moto_responses.method_names_from_class

    def remembered(cls: type) -> Any:
        if cls not in names:
            names[cls] = original(cls)
        return names[cls]

    moto_responses.method_names_from_class = remembered


def _regions() -> None:
    """The regions of a service: moto's own memory of them would keep the backends of every sandbox of the process."""
    regions: dict[str, list[str]] = {}
    ask = AccountSpecificBackend._generate_regions.__wrapped__

    def served(self: Any, service: str) -> list[str]:
        if service not in regions:
            regions[service] = ask(self, service)
        return regions[service]

    AccountSpecificBackend._generate_regions = served


def _public_parameters() -> None:
    """Five thousand parameters of AWS's own, which every sandbox of the process would read and unpack anew."""
    known: dict[tuple[str, str], list[tuple[str, Parameter]]] = {}

    def load(self: ParameterDict, path: str) -> None:
        mine = (self.account_id, path)
        if mine not in known:
            fresh = ParameterDict(self.account_id, self.region_name)
            read(fresh, path)
            known[mine] = [(name, versions[-1]) for name, versions in fresh.items()]
        for name, parameter in known[mine]:
            self.setdefault(name, []).append(parameter)

    read = ParameterDict._load_tree_parameters
    ParameterDict._load_tree_parameters = load


class Picker(XFormedAttributePicker):  # type: ignore[misc]
    """Finds the value of a field of an answer in moto's object for it, under the first of up to a dozen names.

    Which names those are follows from the class of the object and the field of AWS's model, of which there is one each
    per process.
    """

    _names: ClassVar[dict[tuple[type, str, Any], tuple[str, ...]]] = {}

    def __call__(self, context: AttributePickerContext) -> Any:
        obj = context.obj
        field = (type(obj), context.key, context.shape)
        names = self._names.get(field)
        if names is None:
            names = self._names[field] = tuple(dict.fromkeys(self.get_possible_keys(context)))
        found = None
        for name in names:
            value = obj.get(name, MISSING) if type(obj) is dict else get_value(obj, name, MISSING)
            if value is not MISSING:
                found = value
                break
        if self.response_transformers:
            path = f"{context.key_path}.{context.key}"
            for end, transform in self.response_transformers.items():
                if path.endswith(end):
                    return transform(found)
        return found
