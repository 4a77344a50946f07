from meshgen import DAGDriver, InputNode, deployment


@deployment
def double(x: float) -> float:
    return 2 * x


with InputNode(float) as request:
    graph = DAGDriver.bind(double.bind(request))
