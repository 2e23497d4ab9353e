import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { loadPackageConfig, registryOf } from "../../../src/pull/spin_toml/package_config.ts";
import type { HostPlatform } from "../../../src/store/platform_dirs.ts";

/** Loads the configuration from a file with this text, or without a file, on an operating system. */
function load(text: string | undefined, os: HostPlatform["os"] = "linux") {
  const folder = Deno.makeTempDirSync({ prefix: "larder-wasm-pkg-" });
  try {
    if (text !== undefined) {
      Deno.mkdirSync(join(folder, ".config/wasm-pkg"), { recursive: true });
      Deno.writeTextFileSync(join(folder, ".config/wasm-pkg/config.toml"), text);
    }
    return loadPackageConfig({ os, env: (name) => name === "HOME" ? folder : undefined });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const named = (text: string) => {
  const [namespace = "", name = ""] = text.split(":");
  return { namespace, name };
};

const CONFIG = `
  default_registry = "default.example"
  [namespace_registries]
  wasi = "namespace.example"
  [package_registry_overrides]
  "wasi:http" = "package.example"
  [registry."package.example"]
  type = "oci"
  [registry."package.example".oci]
  auth = { username = "open", password = "sesame" }
`;

const CASES: [string, string | undefined, string, string][] = [
  ["the package's own", CONFIG, "wasi:http", "package.example"],
  ["its namespace's", CONFIG, "wasi:clocks", "namespace.example"],
  ["the default", CONFIG, "user:hello", "default.example"],
  ["before a well-known namespace's, the default", CONFIG, "ba:hello", "default.example"],
  ["a well-known namespace's", undefined, "wasi:http", "wasi.dev"],
  ["another well-known namespace's", "", "ba:sample", "bytecodealliance.org"],
];

for (const [name, config, text, registry] of CASES) {
  Deno.test(`registryOf returns ${name} registry`, () => {
    assert.deepEqual(registryOf(load(config), named(text)), { registry, metadata: undefined });
  });
}

Deno.test("registryOf returns the metadata of a namespace's registry", () => {
  const config = load(`
    [namespace_registries.user]
    registry = "mine"
    metadata = { preferredProtocol = "oci", oci = { registry = "ghcr.io" } }
  `);
  const { registry, metadata } = registryOf(config, named("user:hello"));
  assert.equal(registry, "mine");
  assert.equal(metadata?.oci?.registry, "ghcr.io");
});

Deno.test("loadPackageConfig reads the same path on macOS as on Linux", () => {
  assert.equal(load(CONFIG, "darwin").default_registry, "default.example");
});

for (const text of ["user:hello", "constructor:to-string"]) {
  Deno.test(`registryOf fails without configuration for ${text}`, () => {
    assert.throws(() => registryOf(load(undefined), named(text)), (error) => {
      return hasCode(error, "LDR_CONFIG") && error.message.includes(text);
    });
  });
}

for (
  const [text, reason] of [
    ["default_registry = ", /config\.toml:1:20: /],
    ["default_registry = 1", /config\.toml: default_registry is 1, not a text/],
    ["[namespace_registries]\nuser = { metadata = {} }", /namespace_registries\.user/],
  ] as const
) {
  Deno.test(`loadPackageConfig rejects ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => load(text),
      (error) => hasCode(error, "LDR_CONFIG") && reason.test(error.message),
    );
  });
}
