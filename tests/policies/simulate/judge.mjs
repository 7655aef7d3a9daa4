// A case a line, as JSON; a verdict a line: whether the request is allowed. Run in a folder with node_modules.
// The library's own entry drops context keys that it does not know for an action, and so its inner one is asked.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const at = (path) => import(pathToFileURL(`${process.cwd()}/node_modules/@cloud-copilot/${path}`).href);
const { loadPolicy } = await at("iam-policy/dist/esm/index.js");
const { authorize } = await at("iam-simulate/dist/esm/core_engine/CoreSimulatorEngine.js");
const { AwsRequestImpl } = await at("iam-simulate/dist/esm/request/request.js");
const { RequestContextImpl } = await at("iam-simulate/dist/esm/requestContext.js");
const { DiscoveryContextKeyConstraints } = await at("iam-simulate/dist/esm/context_keys/discoveryContextKeyConstraints.js");

const named = (policy, name) => loadPolicy(policy, { name });
const everything = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] };
const simulationParameters = {
  simulationMode: "Strict",
  discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([]),
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const request = new AwsRequestImpl(
    asked.principal ?? { type: "Anonymous" },
    { resource: asked.resource, accountId: asked.account },
    asked.action,
    new RequestContextImpl(asked.keys),
  );
  const { result } = authorize({
    request,
    identityPolicies: [named(everything, "own")],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: named(asked.policy, "resource"),
    simulationParameters,
  });
  process.stdout.write(`${JSON.stringify(result === "Allowed")}\n`);
}
