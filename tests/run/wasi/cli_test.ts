import assert from "node:assert/strict";
import { hostImports, openHost } from "../../../src/run/wasi/host.ts";
import { InstanceResources } from "../../../src/run/wasi/resources.ts";
import { NOTHING } from "../../support/wasm/guest_host.ts";

type Functions = Record<string, Record<string, (...args: unknown[]) => unknown>>;

function importsWith(settings: Partial<typeof NOTHING>, resources: InstanceResources): Functions {
  const host = openHost({ ...NOTHING, ...settings }, () => {}, () => {}, () => {});
  return hostImports(host, resources) as Functions;
}

Deno.test("wasi:cli/environment returns the arguments and environment, and no initial directory", () => {
  using resources = new InstanceResources();
  const env = [["A", "1"], ["B", ""]] as const;
  const { getArguments, getEnvironment, initialCwd } = importsWith(
    { args: ["app", "x"], env },
    resources,
  )["wasi:cli/environment"]!;
  assert.deepEqual([getArguments!(), getEnvironment!(), initialCwd!()], [
    ["app", "x"],
    env,
    undefined,
  ]);
});

for (
  const [name, argument, code] of [
    ["exit", { tag: "ok" }, 0],
    ["exit", { tag: "err" }, 1],
    ["exitWithCode", 42, 42],
  ] as const
) {
  Deno.test(`wasi:cli/exit: ${name}(${JSON.stringify(argument)}) ends the guest with code ${code}`, () => {
    using resources = new InstanceResources();
    const exit = importsWith({}, resources)["wasi:cli/exit"]![name]!;
    assert.throws(() => exit(argument), WebAssembly.RuntimeError);
    assert.equal(resources.exitCode, code);
  });
}
