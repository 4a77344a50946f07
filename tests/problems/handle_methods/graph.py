from __future__ import annotations

from collections.abc import Iterator

from meshgen import DAGDriver, Handle, InputNode, deployment


class Base:
    def inherited(self, x):
        return x


@deployment
class Store(Base):
    def set(self, key: str):
        self.key = key

    def get(self) -> str:
        return self.key

    def many(self, *keys: str, **more: int) -> int:
        return len(keys) + len(more)

    def each(self) -> Iterator[str]:
        yield self.key

    def check(self, number: int = None, mode: complex = 0) -> bool:
        return True

    def check_health(self):
        pass

    def _private(self):
        pass


@deployment
class Model:
    def apply(self, x: str) -> str:
        return x

    def set(self, x):
        pass


@deployment
class Chooser:
    def __init__(self, model: Handle[Model], other: Handle[Model], stores: list[Handle[Store]]):
        self.model, self.other, self.stores = model, other, stores

    async def __call__(self, x: str) -> str:
        for store in self.stores:
            await store.set.remote(x)
        return await self.model.apply.remote(x)


@deployment
class Reader:
    def __init__(self, store: Handle[Store]):
        self.store = store

    def read(self, x: str) -> str:
        return ask(self.store)


def ask(store: Handle[Store]) -> str:
    return str(store.many.remote("a").result()) + store.get.remote().result()


with InputNode(str) as request:
    store = Store.bind()
    chooser = Chooser.bind(Model.bind(), Model.options(name="other").bind(), [store])
    app = DAGDriver.bind({"/choose": chooser.bind(request), "/read": Reader.bind(store).read.bind(request)})
