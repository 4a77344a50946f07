from meshgen import DAGDriver


def load() -> dict[str, int]:
    return {}["weights"]


app = DAGDriver.bind(load())
