"""What `Int32`, `Float32` and `TensorSpec` say of a type."""

from __future__ import annotations

from meshgen.annotations import Float32, Int32, TensorSpec
from meshgen.schema.model import Optional, Scalar, Tensor, Type
from meshgen.schema.reflect.arrays import specified
from meshgen.schema.reflect.constraints import asked_by, constrained
from meshgen.schema.reflect.markers import Peeled
from meshgen.schema.unsupported import THIS, Refused


def narrowed(type_: Type, peeled: Peeled) -> Type:
    """The type with what its markers say; Refused when they are not for it."""
    kinds = [m if isinstance(m, type) else type(m) for m in peeled.metadata]
    if Int32 in kinds or Float32 in kinds:
        marker, wide = ("Int32", "int") if Int32 in kinds else ("Float32", "float")
        return _of_width(type_, marker, wide)
    if TensorSpec in kinds:
        if not isinstance(type_, Tensor):
            hint = "Write `Annotated[np.ndarray, TensorSpec(...)]` or `Annotated[torch.Tensor, TensorSpec(...)]`."
            raise Refused(peeled.annotation, "has a TensorSpec, but is no tensor", hint)
        return specified(type_, peeled.metadata)
    return type_


def _of_width(type_: Type, marker: str, wide: str) -> Type:
    match type_:
        case Scalar(kind=kind, rules=rules) if kind == wide:
            return constrained(Scalar("int32" if wide == "int" else "float32"), asked_by(rules))
        case Optional(item=item):
            return Optional(_of_width(item, marker, wide))
        case _:
            hint = f"`{marker}` narrows {wide}: `Annotated[{wide}, {marker}]`; inside a list, mark the items."
            raise Refused(THIS, f"cannot be narrowed by {marker}", hint)
