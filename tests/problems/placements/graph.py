from __future__ import annotations

from meshgen import DAGDriver, InputNode, deployment, inline


@deployment(placement="drivre")
def misspelled(x: float) -> float:
    return x


@deployment(placement="with:modle")
def unknown(x: float) -> float:
    return x


@deployment(placement="with:itself")
def itself(x: float) -> float:
    return x


@deployment(placement="with:right")
def left(x: float) -> float:
    return x


@deployment(placement="with:left")
def right(x: float) -> float:
    return x


@deployment(placement="driver")
def guest(x: float) -> float:
    return x


@deployment(placement="with:guest")
def guest_of_guest(x: float) -> float:
    return x


@inline
def double(x: float) -> float:
    return 2 * x


@deployment(placement="with:double")
def with_inline(x: float) -> float:
    return x


@deployment
class Model:
    def __call__(self, x: float) -> float:
        return x


with InputNode(float) as request:
    values = [misspelled, unknown, itself, left, right, guest, guest_of_guest, with_inline, Model.bind()]
    value = double.options(placement="with:model").bind(double.bind(request))
    for each in values:
        value = each.bind(value)
    app = DAGDriver.bind(value)
