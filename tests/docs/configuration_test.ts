import assert from "node:assert/strict";
import { parseConfigFile } from "../../src/cli/config/file.ts";
import { keyOf, SETTINGS, variableOf } from "../../src/cli/config/settings.ts";

const page = Deno.readTextFileSync(new URL("../../docs/configuration.md", import.meta.url));

Deno.test("configuration.md names every key and no unknown variable", () => {
  for (const { path } of SETTINGS) {
    const name = keyOf(path.map((part) => part === "*" ? "HOST" : part));
    assert.ok(page.includes(`\`${name}\``), name);
  }
  const named = page.match(/LARDER_[A-Z_]+/g) ?? [];
  const variables = new Set(["LARDER_CONFIG", ...SETTINGS.map(variableOf)]);
  assert.deepEqual(named.filter((name) => !name.endsWith("_") && !variables.has(name)), []);
});

Deno.test("every example in configuration.md is a valid config", () => {
  const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!);
  assert.ok(examples.length > 0);
  for (const text of examples) parseConfigFile(text, "docs/configuration.md");
});
