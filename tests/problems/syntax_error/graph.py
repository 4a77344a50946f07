from meshgen import DAGDriver

app = DAGDriver.bind(
