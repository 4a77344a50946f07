"""Python values ⇄ message bytes, by a graph's contract; bytes passed on undecoded; statuses ⇄ bytes.

It knows contracts and schema, neither graphs nor the runtime: typed clients need no more than this.
"""
