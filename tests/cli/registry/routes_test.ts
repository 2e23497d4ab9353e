import assert from "node:assert/strict";
import { join } from "node:path";
import type { Config } from "../../../src/cli/config/schema.ts";
import type { Context } from "../../../src/cli/context.ts";
import { findRoute } from "../../../src/cli/registry/routes.ts";
import { parseReference } from "../../../src/oci/reference.ts";
import type { HostTrust } from "../../../src/registry/http/tls/trust.ts";
import { withEnvironment } from "../../support/cli/in_process.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const CONF = `
[[registry]]
location = "a.test"
insecure = true
[[registry.mirror]]
location = "m.test"
insecure = true
[[registry.mirror]]
location = "n.test"
[[registry]]
location = "own.test"
insecure = true
`;

/** Returns the mirrors of a.test/app, and the hosts to which insecure connections are allowed. */
async function route(registries: Config["registries"]): Promise<[string[], string[]]> {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "registries.conf");
  Deno.writeTextFileSync(path, CONF);
  const context = { config: { registries } } as unknown as Context;
  const hosts = new Map<string, HostTrust>(Object.entries(registries ?? {}));
  return await withEnvironment({ CONTAINERS_REGISTRIES_CONF: path }, async () => {
    const { mirrors } = await findRoute(context, hosts, parseReference("a.test/app:v1"));
    const insecure = [...hosts].filter(([, trust]) => trust.insecure).map(([host]) => host);
    return [mirrors.map(({ registry }) => registry), insecure];
  });
}

Deno.test("findRoute takes mirrors and insecure hosts from registries.conf", async () => {
  assert.deepEqual(await route(undefined), [["m.test", "n.test"], ["m.test", "a.test"]]);
});

Deno.test("findRoute keeps what the config sets for a host", async () => {
  const own = { "a.test": { insecure: false }, "m.test": { insecure: false } };
  assert.deepEqual(await route(own), [["m.test", "n.test"], []]);
});

Deno.test("findRoute takes the mirrors of the config instead of those of registries.conf", async () => {
  const own = { "a.test": { mirrors: ["own.test/a"] } };
  assert.deepEqual(await route(own), [["own.test"], ["a.test", "own.test"]]);
  assert.deepEqual((await route({ "a.test": { mirrors: [] } }))[0], []);
});
