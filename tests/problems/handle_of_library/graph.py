from __future__ import annotations

from string import Formatter

from meshgen import DAGDriver, Handle, InputNode, deployment


@deployment
class Text(Formatter):
    def shout(self, text: str) -> str:
        return text.upper()


@deployment
class Writer:
    def __init__(self, text: Handle[Text]):
        self.text = text

    async def write(self, name: str) -> str:
        return await self.text.format.remote("{}", await self.text.shout.remote(name))


with InputNode(str) as request:
    app = DAGDriver.bind(Writer.bind(Text.bind()).write.bind(request))
