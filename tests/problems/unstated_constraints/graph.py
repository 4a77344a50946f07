from __future__ import annotations

from datetime import date
from typing import Annotated

from annotated_types import Ge, Predicate

from meshgen import DAGDriver, InputNode, deployment

Word = Annotated[str, Predicate(str.islower)]


@deployment
def show(words: list[Word], day: Annotated[date, Ge(date(2020, 1, 1))]) -> int:
    return len(words)


with InputNode(words=list[Word], day=date) as request:
    app = DAGDriver.bind(show.bind(request.words, request.day))
