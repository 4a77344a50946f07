"""What annotated_types and pydantic's Field ask of parameters."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Annotated

from annotated_types import Ge, Gt, Interval, IsFinite, Len, Lt, MultipleOf
from pydantic import EmailStr, Field

from meshgen import DAGDriver, Float32, InputNode, Int32, deployment

Since = Annotated[datetime, Ge(datetime(2020, 1, 1, tzinfo=timezone.utc))]


@deployment
def echo(
    count: Annotated[int, Ge(0), Lt(10)],
    even: Annotated[int, MultipleOf(2)],
    small: Annotated[int | None, Int32, Interval(gt=0, le=5)],
    ratio: IsFinite[Annotated[float, Ge(0), Ge(0.25)]],
    narrow: Annotated[float, Float32, Lt(0.1)],
    name: Annotated[str, Len(1, 20), Field(pattern=r"^[a-z]+\Z")],
    email: EmailStr,
    blob: Annotated[bytes, Len(0, 16)],
    at: Since,
    wait: Annotated[timedelta, Gt(timedelta(0))],
    tags: Annotated[set[Annotated[str, Len(1)]], Len(1, 3)],
    scores: dict[Annotated[str, Field(min_length=2)], Annotated[float, Ge(0)]],
    either: Annotated[int | str, Ge(0), Len(2)],
) -> str:
    return name


with InputNode(
    count=int,
    even=int,
    small=int,
    ratio=float,
    narrow=float,
    name=str,
    email=str,
    blob=bytes,
    at=datetime,
    wait=timedelta,
    tags=set[str],
    scores=dict[str, float],
    either=int | str,
) as request:
    app = DAGDriver.bind(
        echo.bind(
            request.count,
            request.even,
            request.small,
            request.ratio,
            request.narrow,
            request.name,
            request.email,
            request.blob,
            request.at,
            request.wait,
            request.tags,
            request.scores,
            request.either,
        )
    )
