import assert from "node:assert/strict";
import { join } from "node:path";
import { digestOf, wasmArtifact, wasmModule } from "../../../support/cache/artifacts.ts";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";
import { TestRegistry } from "../../../support/registry/test_registry.ts";

Deno.test("pull of a spin.toml prints the source of each module without secrets, its digest and size", async () => {
  await using registry = await TestRegistry.start();
  using home = new TestCacheHome();
  const [one, two] = [wasmModule("of a URL"), wasmModule("of a package")];
  const url = `${registry.addFile("/one.wasm", one)}?token=hidden`;
  registry.add("user/hello", wasmArtifact(two), "1.2.3");
  const manifest = join(home.path, "spin.toml");
  Deno.writeTextFileSync(
    manifest,
    `spin_manifest_version = 2
[component.one]
source = { url = "${url}", digest = "${digestOf(one)}" }
[component.two]
source = { registry = "${registry.host}", package = "user:hello", version = "1.2.3" }
`,
  );
  const { code, stdout, stderr } = await home.larder("pull", manifest, "--format", "json");
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), [
    {
      kind: "url",
      component: "one",
      url: `http://${registry.host}/one.wasm?token=***`,
      digest: digestOf(one),
      size: one.length,
      outcome: "fetched",
    },
    {
      kind: "package",
      component: "two",
      registry: registry.host,
      package: { namespace: "user", name: "hello" },
      version: "1.2.3",
      exact: true,
      digest: digestOf(two),
      size: two.length,
      outcome: "fetched",
    },
  ]);
  const name = `url/http://${registry.host}/one.wasm?token=***/${digestOf(one)}/wasm`;
  const why = await home.larder("why", name);
  assert.match(why.stdout, /fetched .*: it was not cached/);
  const info = await home.larder("info", name, "--format", "json");
  assert.equal(JSON.parse(info.stdout).type, "package", info.stderr);
});
