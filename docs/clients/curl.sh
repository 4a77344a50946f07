#!/usr/bin/env bash
# Calls the quickstart graph of a running mesh: over REST with curl, and by gRPC with `buf curl`, which reads the
# contract from the mesh itself.
set -euo pipefail
address=${1:-127.0.0.1:8080}
input='{"number": "5", "samples": [1, 2, 3], "operation": "sum"}'

curl --silent --show-error --fail-with-body -H 'content-type: application/json' -d "$input" "http://$address/quickstart"
echo
buf curl --protocol grpc --http2-prior-knowledge --data "$input" "http://$address/quickstart.v1.QuickstartService/Predict"
