"""Sums of members have no names."""

from __future__ import annotations

import enum

from meshgen import DAGDriver, InputNode, deployment


class Access(enum.Flag):
    READ = 1
    WRITE = 2


@deployment
def echo(x: Access) -> Access:
    return x


with InputNode(x=Access) as request:
    app = DAGDriver.bind(echo.bind(request.x))
