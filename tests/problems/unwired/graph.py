from meshgen import DAGDriver, InputNode, deployment


@deployment
class Counter:
    def __init__(self, start: int = 0) -> None:
        self.count = start

    def add(self, by: int) -> int:
        self.count += by
        return self.count


@deployment
def double(x: int) -> int:
    return 2 * x


forgotten = Counter.options(name="forgotten").bind(1)
counter = Counter.options(name="counter").bind()
with InputNode(int) as request:
    counter.add.bind(2)
    chain = double.bind(double.bind(counter.add.bind(request)))
    app = DAGDriver.bind(counter.add.bind(double.bind(request)))
    other = DAGDriver.bind(double.bind(3))
