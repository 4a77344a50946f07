// Calls the quickstart graph of a running mesh by gRPC.
//
//   npm install --no-package-lock && node client.mjs 127.0.0.1:8080 '{"number": "5", "samples": [1, 2, 3], "operation": "sum"}'
//
// The contract comes from the descriptor set that `meshgen build` writes; no code is generated.

import { readFileSync } from "node:fs";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const [address, input] = process.argv.slice(2);
const descriptors = readFileSync(new URL("../../../envoy/quickstart/descriptors.binpb", import.meta.url));
const definition = protoLoader.loadFileDescriptorSetFromBuffer(descriptors, { keepCase: true, defaults: false });
const { QuickstartService } = grpc.loadPackageDefinition(definition).quickstart.v1;

const client = new QuickstartService(address, grpc.credentials.createInsecure());
const deadline = new Date(Date.now() + 10_000);

client.Predict(JSON.parse(input), { deadline }, (error, response) => {
  if (error) {
    console.error(`${grpc.status[error.code]}: ${error.details}`);
    process.exitCode = 1;
  } else {
    console.log(JSON.stringify(response));
  }
  client.close();
});
