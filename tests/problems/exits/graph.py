from __future__ import annotations

import sys

from meshgen import DAGDriver

sys.exit()
app = DAGDriver.bind({})
