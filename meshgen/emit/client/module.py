"""`services/<graph>/client.py`: typed clients of a graph's driver, in one module that holds its contract.

Classes mirror the messages and have their names; `meshgen.client` does the rest. The module imports nothing of the
graph, so that it can be copied to wherever the mesh is called from.
"""

from __future__ import annotations

import base64
import enum
import inspect
import typing
from textwrap import wrap
from typing import Any

from meshgen.contract.model import RpcSpec
from meshgen.contract.names import proto_path
from meshgen.emit.client.needed import needed_descriptors
from meshgen.emit.client.pydefaults import default, is_constant
from meshgen.emit.client.pytypes import annotation, attribute, class_name, is_attribute, named
from meshgen.emit.output.files import GeneratedFile
from meshgen.emit.output.header import header
from meshgen.emit.output.pysource import Name, Parts, PythonSource, literal
from meshgen.naming import pascal, snake
from meshgen.plan.model import Plan
from meshgen.schema.model import EnumOf, Field, ListOf, MapOf, Nothing, Optional, Record

_BASE64_WIDTH = 100
_OWN_ARGUMENTS = frozenset({"metadata", "self", "timeout_s"})
_SERVICE = "_SERVICE"
_OWN_METHODS = frozenset({"close"})
_FLOAT = Name("builtins", "float")
_STR = Name("builtins", "str")
_METADATA: Parts = (Name("collections.abc", "Mapping"), "[", _STR, ", ", _STR, " | ", Name("builtins", "bytes"), "]")


def client_files(plan: Plan) -> tuple[GeneratedFile, ...]:
    """One module; none for a plan that says nothing of its rpcs."""
    if not plan.rpcs:
        return ()
    return (GeneratedFile.text(f"services/{plan.mesh.graph}/client.py", _Module(plan).text()),)


class _Module:
    """The module of one graph."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        types = tuple(named(t for rpc in plan.rpcs for t in (*(f.type for f in rpc.request_fields), rpc.result)))
        self._enums = [t for t in types if isinstance(t, EnumOf)]
        self._records = [t for t in types if isinstance(t, Record)]
        classes = {class_name(t.name) for t in types}
        graph = pascal(plan.mesh.graph)
        self._sync, self._async = _unused(f"{graph}Client", classes), _unused(f"Async{graph}Client", classes)
        attributes = {attribute(f.name) for record in self._records for f in record.fields}
        arguments = {_argument(f) for rpc in plan.rpcs for f in rpc.request_fields}
        methods = {_method(rpc) for rpc in plan.rpcs}
        constants = {_SERVICE, *map(_constant, plan.rpcs)}
        self._requests: dict[tuple[object, ...], str] = {}
        intro = f"Typed clients of `{plan.mesh.graph}`. Beside this file they need an installed meshgen, and no graph."
        self._source = PythonSource(
            f"{intro}\n\n{header(plan)}\n",
            frozenset({*classes, *attributes, *arguments, *methods, *constants, self._sync, self._async}),
        )

    def text(self) -> str:
        """The whole module."""
        for type_ in self._enums:  # before the records, whose defaults name members
            self._enum(type_)
        for record in self._records:
            fields = {attribute(f.name): f for f in record.fields}
            self._dataclass(class_name(record.name), fields, record.doc, frozen=_is_hashable(record))
        self._contract()
        for rpc in self._plan.rpcs:
            self._rpc(rpc)
        self._client(self._sync, "Client")
        self._client(self._async, "AsyncClient")
        return self._source.text()

    def _enum(self, type_: EnumOf) -> None:
        name = class_name(type_.name)
        plain = all(type(m.value) in (int, str) for m in type_.python)
        values = {m.name: m.value if plain else m.name for m in type_.python}
        self._source.print("\n")
        mixed_in, base = _bases(type_.python)
        if not all(map(is_attribute, values)):
            kind = (", type=", mixed_in) if mixed_in else ()
            self._source.print(f"{name} = ", base, f"({literal(name)}, {literal(values)}", *kind, ")")
            return
        with self._source.block(f"class {name}(", *((mixed_in, ", ") if mixed_in else ()), base, "):"):
            self._docstring(type_.python.__dict__.get("__doc__") or f"Enum `{name}`.")
            self._source.print("")
            for member, value in values.items():
                self._source.print(f"{member} = {literal(value)}")

    def _dataclass(self, name: str, fields: dict[str, Field], doc: str, *, frozen: bool = False) -> None:
        self._source.print("\n")
        # Keywords only: a contract may put its fields in another order.
        options = "frozen=True, kw_only=True" if frozen else "kw_only=True"
        self._source.print("@", Name("dataclasses", "dataclass"), f"({options})")
        with self._source.block(f"class {name}:"):
            self._docstring(doc or f"Message `{name}`.")
            if fields:
                self._source.print("")
            for attribute_name, field in fields.items():
                self._source.print(f"{attribute_name}: ", *_annotated(field), *_initial(field))
                if field.doc:
                    self._docstring(field.doc)

    def _contract(self) -> None:
        """The messages of the driver, as protoc's own Python has them: serialized descriptors."""
        plan = self._plan
        needed = needed_descriptors(plan.contract.descriptors, proto_path(plan.mesh.graph))
        data = needed.SerializeToString(deterministic=True)
        self._source.print("\n")
        with self._source.block(f"{_SERVICE} = ", Name("meshgen.client", "Service"), "(", end=")"):
            self._source.print(f"{literal(plan.mesh.driver.service)},")
            self._source.print("# google.protobuf.FileDescriptorSet in base64")
            self._source.print('"""')
            self._source.print("\n".join(wrap(base64.b64encode(data).decode(), _BASE64_WIDTH)))
            self._source.print('""",')

    def _rpc(self, rpc: RpcSpec) -> None:
        fields = {_argument(f): f for f in rpc.request_fields}
        # Routes mostly take the same; two that differ in a default alone do not.
        key = tuple((name, _annotated(f), _initial(f)) for name, f in fields.items())
        if key not in self._requests:
            self._requests[key] = f"_{rpc.name}Request"
            self._dataclass(self._requests[key], fields, f"Arguments of `{_method(rpc)}`.")
            self._source.print("\n")
        request, result = self._requests[key], annotation(rpc.result)
        variable = (f"{_constant(rpc)}: ", Name("meshgen.client", "Rpc"), "[", *result, "]")
        self._source.print(*variable, f" = {_SERVICE}.rpc({literal(rpc.name)}, {request}, ", *result, ")")

    def _client(self, name: str, base: str) -> None:
        self._source.print("\n")
        with self._source.block(f"class {name}(", Name("meshgen.client", base), "):"):
            self._docstring(f"Calls `{self._plan.mesh.graph}`. Errors are `meshgen.StatusError`s.")
            for rpc in self._plan.rpcs:
                self._source.print("")
                self._rpc_method(rpc, is_async=base == "AsyncClient")

    def _rpc_method(self, rpc: RpcSpec, *, is_async: bool) -> None:
        print_, fields = self._source.print, {_argument(f): f for f in rpc.request_fields}
        with self._source.block("async def " * is_async or "def ", f"{_method(rpc)}("):
            print_("self,\n*,")
            for name, field in fields.items():
                print_(f"{name}: ", *annotation(field.type), *_left_out(field), ",")
            print_("timeout_s: ", _FLOAT, f" | None = {literal(self._plan.mesh.driver.timeout_s)},")
            print_("metadata: ", *_METADATA, " | None = None,")
        with self._source.block(") -> ", *annotation(rpc.result), ":"):
            self._docstring(rpc.doc or f"Call `{rpc.http or rpc.name}`.")
            call = f"{'return ' * (not isinstance(rpc.result, Nothing))}{'await ' * is_async}self._call("
            with self._source.block(call, end=")"):
                print_(f"{_constant(rpc)},")
                with self._source.block("{", end="},"):
                    for name in fields:
                        print_(f"{literal(name)}: {name},")
                print_("timeout_s,\nmetadata,")

    def _docstring(self, doc: str) -> None:
        text = inspect.cleandoc(doc).strip().replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        if text.endswith('"'):
            text = f'{text[:-1]}\\"'
        self._source.print(f'"""{text}' + ("\n" if "\n" in text else "") + '"""')


def _bases(python: type[enum.Enum]) -> tuple[Name | None, Name]:
    """What an enum's mirror inherits from: its members are numbers or texts where those of the graph are."""
    kinds: set[Any] = {type(member.value) for member in python}
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind not in (int, str) or not issubclass(python, kind):
        return None, Name("enum", "Enum")
    if issubclass(python, enum.IntEnum | enum.StrEnum):
        return None, Name("enum", "IntEnum" if kind is int else "StrEnum")
    return Name("builtins", kind.__name__), Name("enum", "Enum")


def _argument(field: Field) -> str:
    return attribute(field.name, _OWN_ARGUMENTS)


def _method(rpc: RpcSpec) -> str:
    return attribute(snake(rpc.name), _OWN_METHODS)


def _constant(rpc: RpcSpec) -> str:
    name = f"_{snake(rpc.name).upper()}"
    return f"{name}_" if name == _SERVICE else name


def _is_hashable(record: Record) -> bool:
    """Whether values of it may be in a set, so that values of its mirror must."""
    return getattr(typing.get_origin(record.python) or record.python, "__hash__", None) is not None


def _unused(name: str, used: set[str]) -> str:
    while name in used:
        name += "_"
    return name


def _is_repeated(field: Field) -> bool:
    return isinstance(field.type, ListOf | MapOf)


def _annotated(field: Field) -> Parts:
    """The annotation. None stands for a default that the service has and code cannot write."""
    unwritten = field.has_default and default(field) is None
    optional = unwritten and not _is_repeated(field) and not isinstance(field.type, Optional)
    return (*annotation(field.type), *([" | None"] * optional))


def _initial(field: Field) -> Parts:
    """` = …` of a dataclass's field."""
    written = default(field)
    if written is None:
        return (" = None",) if field.has_default and not _is_repeated(field) else ()
    if is_constant(field.type, written):
        return (" = ", *written)
    if isinstance(field.type, ListOf) and field.type.container == "list" and written == ("[", "]"):
        return _factory(Name("builtins", "list"))
    if isinstance(field.type, MapOf) and written == ("{", "}"):
        return _factory(Name("builtins", "dict"))
    return _factory("lambda: ", *written)


def _factory(*parts: str | Name) -> Parts:
    return (" = ", Name("dataclasses", "field"), "(default_factory=", *parts, ")")


def _left_out(field: Field) -> Parts:
    """` = …` of an argument."""
    written = default(field)
    if written is not None and is_constant(field.type, written):
        return (" = ", *written)
    has_default = field.omitted or (field.has_default and (written is not None or not _is_repeated(field)))
    return (" = ", Name("meshgen.client", "LEFT_OUT")) if has_default else ()
