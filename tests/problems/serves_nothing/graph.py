from __future__ import annotations

from meshgen import DAGDriver

app = DAGDriver.options(name="Not A Name").bind({})
