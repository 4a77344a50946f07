from __future__ import annotations

from string import Formatter

from meshgen import DAGDriver, InputNode, deployment


@deployment
class Text(Formatter):
    def shout(self, text: str) -> str:
        return text.upper()


with InputNode(str) as request:
    app = DAGDriver.bind(Text.bind().format.bind("{}", request))
