"""A latency histogram with logarithmic buckets, in the manner of HdrHistogram: small, mergeable, about 1 % exact."""

from __future__ import annotations

import math
from collections import Counter

_PER_OCTAVE = 64
"""Buckets for each doubling: a bucket is 1.1 % wide."""


class Histogram:
    """Durations in nanoseconds."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.least = math.inf
        self.most = 0

    def add(self, nanoseconds: int) -> None:
        value = max(nanoseconds, 1)
        self._buckets[int(math.log2(value) * _PER_OCTAVE)] += 1
        self.count += 1
        self.least = min(self.least, value)
        self.most = max(self.most, value)

    def percentile(self, percent: float) -> float:
        """The smallest duration, in ns, that this share of the values does not exceed; NaN when there are none."""
        if not self.count:
            return math.nan
        wanted = max(1, math.ceil(self.count * percent / 100))
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                middle = 2 ** ((bucket + 0.5) / _PER_OCTAVE)
                return min(max(middle, self.least), self.most)
        raise AssertionError("the buckets hold every value")

    def milliseconds(self, percent: float) -> float:
        """A percentile in ms; 0 when there are no values, so that results stay JSON."""
        return self.percentile(percent) / 1e6 if self.count else 0.0
