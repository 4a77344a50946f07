from meshgen import deployment


@deployment
def app(x: float) -> float:
    return 2 * x
