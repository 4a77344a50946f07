"""A client made from the contracts of `before`, with the stubs that protoc makes. `old_client.py HOST:PORT`."""

from __future__ import annotations

import json
import sys

import grpc
from evolving.measure.v1 import measure_pb2, measure_pb2_grpc  # type: ignore[import-not-found]
from evolving.v1 import evolving_pb2, evolving_pb2_grpc  # type: ignore[import-not-found]

with grpc.insecure_channel(sys.argv[1]) as channel:
    driver = evolving_pb2_grpc.EvolvingServiceStub(channel)
    square = evolving_pb2.PredictRequest(
        name="first job",
        samples=[1, 2],
        shape_square=evolving_pb2.Square(side=3),
        color=evolving_pb2.COLOR_GREEN,
        comment="nobody reads this any more",
    )
    circle = evolving_pb2.PredictRequest(
        name="second", shape_circle=evolving_pb2.Circle(radius=2), color=evolving_pb2.COLOR_RED
    )
    answers = [driver.Predict(request, timeout=60) for request in (square, circle)]
    # A caller of before that calls a new node, as in an upgrade.
    measure = measure_pb2_grpc.MeasureServiceStub(channel)
    asked = measure_pb2.MeasureRequest(shape_square=measure_pb2.Square(side=2), samples=[2, 3])
    measured = measure.Measure(asked, timeout=60).result

rows = [
    {
        "title": answer.title,
        "color": evolving_pb2.Color.Name(answer.color),
        "total": answer.total,
        "shape": answer.WhichOneof("shape"),
        "size": answer.shape_square.side or answer.shape_circle.radius,
    }
    for answer in answers
]
print(json.dumps({"answers": rows, "measured": measured}))
