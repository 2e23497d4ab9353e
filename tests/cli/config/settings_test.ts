import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import {
  findSetting,
  keyOf,
  misnamedVariables,
  readValue,
  type Scalar,
  SETTINGS,
  variableOf,
} from "../../../src/cli/config/settings.ts";

Deno.test("SETTINGS have a description in one line, and a default or an example", () => {
  for (const { path, description, fallback, example } of SETTINGS) {
    assert.match(description, /^\S[^\n]*[^.\s]$/, keyOf(path));
    assert.notEqual(fallback ?? example, undefined, keyOf(path));
  }
});

Deno.test("SETTINGS have valid defaults and examples", () => {
  for (const { path, schema, fallback, example, ...notes } of SETTINGS) {
    const setting = { path, schema, ...notes };
    const value = fallback ?? example;
    assert.equal(readValue(setting, String(value), keyOf(path)), value);
  }
});

Deno.test("SETTINGS have unique keys and variables", () => {
  for (const name of [({ path }: { path: readonly string[] }) => keyOf(path), variableOf]) {
    const names = SETTINGS.map(name as typeof variableOf).filter((each) => each);
    assert.equal(new Set(names).size, names.length);
  }
});

Deno.test("findSetting finds keys, also with dots and a port in the name of a registry", () => {
  const keys: [string, string[]][] = [
    ["transfers", ["transfers"]],
    ["gc.max_size", ["gc", "max_size"]],
    ["registries.ghcr.io.insecure", ["registries", "ghcr.io", "insecure"]],
    ["registries.localhost:5000.ca_file", ["registries", "localhost:5000", "ca_file"]],
    ["registries.GHCR.io.insecure", ["registries", "ghcr.io", "insecure"]],
  ];
  for (const [key, path] of keys) assert.deepEqual(findSetting(key).path, path);
});

/** A key that is none, and its hint. */
const UNKNOWN: [string, RegExp][] = [
  ["gc", /^gc is a group: name one of gc\.max_size, gc\.min_free, /],
  ["gc.max_siz", /^did you mean gc\.max_size\?$/],
  ["max_size", /^did you mean gc\.max_size\?$/],
  ["registries.ghcr.io.insecur", /^did you mean registries\.ghcr\.io\.insecure\?$/],
  ["registries..insecure", /./],
  ["", /./],
  ["nothing like it", /^larder config show lists all settings$/],
];

for (const [key, hint] of UNKNOWN) {
  Deno.test(`findSetting rejects "${key}" with a hint`, () => {
    assert.throws(
      () => findSetting(key),
      (error) => hasCode(error, "LDR_USAGE") && error.exitCode === 2 && hint.test(error.hint),
    );
  });
}

Deno.test("findSetting rejects a key with a bad registry", () => {
  assert.throws(
    () => findSetting("registries.a b.insecure"),
    (error) => hasCode(error, "LDR_BAD_REFERENCE"),
  );
});

/** A key, a text, and what it is in a file. */
const VALUES: [string, string, Scalar][] = [
  ["transfers", "8", 8],
  ["gc.auto", "false", false],
  ["gc.max_size", "20GB", "20GB"],
  ["gc.max_size", "0", 0],
  ["gc.unused", "0", 0],
  ["gc.min_free", "12.5%", "12.5%"],
  ["storage.registry_cache.max_size_gb", "2.5", 2.5],
  ["registries.a.test.mirrors", "m.test, n.test/p", "m.test, n.test/p"],
  ["cache_dir", "5", "5"],
  ["cache_dir", "true", "true"],
];

for (const [key, text, value] of VALUES) {
  Deno.test(`readValue reads ${text} for ${key} as ${typeof value}`, () => {
    assert.equal(readValue(findSetting(key).setting, text, key), value);
  });
}

/** A variable, and the end of the warning about it; undefined if there is none. */
const VARIABLES: [string, string | undefined][] = [
  ["LARDER_GC_MAXSIZE", "did you mean LARDER_GC_MAX_SIZE?"],
  ["LARDER_MAX_SIZE", "did you mean LARDER_GC_MAX_SIZE?"],
  ["LARDER_gc_max_size", "did you mean LARDER_GC_MAX_SIZE?"],
  ["LARDER_CACHEDIR", "did you mean LARDER_CACHE_DIR?"],
  ["LARDER_CONF", "did you mean LARDER_CONFIG?"],
  ["LARDER_POLICY", "did you mean LARDER_FRESHNESS_POLICY?"],
  ["LARDER_GC_EVERYTHING", "larder config show lists all settings"],
  ["LARDER_REGISTRIES_GHCR_IO_INSECURE", "larder config set registries.HOST.KEY VALUE"],
  ["LARDER_GC_MAX_SIZE", undefined],
  ["LARDER_CONFIG", undefined],
  // Of the command of a build, the installation, a service in Kubernetes, and larder's own tests.
  ["LARDER_OUTPUT", undefined],
  ["LARDER_PACKAGES", undefined],
  ["LARDER_PLATFORM", undefined],
  ["LARDER_REFS", undefined],
  ["LARDER_VERSION", undefined],
  ["LARDER_INSTALL", undefined],
  ["LARDER_PORT", undefined],
  ["LARDER_SERVICE_HOST", undefined],
  ["LARDER_BIN", undefined],
  ["LARDERS_GC_MAXSIZE", undefined],
];

for (const [variable, remedy] of VARIABLES) {
  Deno.test(`misnamedVariables ${remedy ? "warns of" : "ignores"} ${variable}`, () => {
    const warnings = misnamedVariables([variable]);
    assert.equal(warnings.length, remedy ? 1 : 0);
    if (remedy) assert.ok(warnings[0]!.startsWith(variable) && warnings[0]!.endsWith(remedy));
  });
}
