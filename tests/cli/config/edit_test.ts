import assert from "node:assert/strict";
import { join } from "node:path";
import * as fc from "fast-check";
import { hasCode } from "../../../src/base/errors.ts";
import { setInFile, unsetInFile, writeInitialFile } from "../../../src/cli/config/edit.ts";
import {
  findSetting,
  keyOf,
  readValue,
  type Scalar,
  SETTINGS,
} from "../../../src/cli/config/settings.ts";
import { parseConfigFile } from "../../../src/cli/config/file.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

/** Returns the content of a file after `key` was set. */
function afterSetting(text: string, key: string, value: Scalar): string {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "config.yaml");
  Deno.writeTextFileSync(path, text);
  setInFile(path, findSetting(key), value);
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["config.yaml"]);
  return Deno.readTextFileSync(path);
}

/** Name, the file before, key and value, and the file after. */
const EDITS: [string, string, string, Scalar, string][] = [
  ["an empty file", "", "transfers", 4, "transfers: 4\n"],
  ["a file of comments", "# mine\n", "transfers", 4, "# mine\n\ntransfers: 4\n"],
  [
    "a value that is there",
    "# first\ntransfers: 4 # why\n\ngc:\n  # inside\n  max_size: 1GB\n  auto: false\n\n# last\n",
    "gc.max_size",
    "2GB",
    "# first\ntransfers: 4 # why\n\ngc:\n  # inside\n  max_size: 2GB\n  auto: false\n\n# last\n",
  ],
  [
    "a new key of a group",
    "gc:\n    auto: false\ntransfers: 4\n",
    "gc.unused",
    "30d",
    "gc:\n    auto: false\n    unused: 30d\ntransfers: 4\n",
  ],
  ["a new group", "transfers: 4\n", "gc.max_count", 5, "transfers: 4\ngc:\n  max_count: 5\n"],
  [
    "a group of comments",
    "gc:\n  # max_size: 1GB\ntransfers: 4\n",
    "gc.max_size",
    "2GB",
    "gc:\n  max_size: 2GB\n  # max_size: 1GB\ntransfers: 4\n",
  ],
  [
    "a group two levels down",
    "storage:\n",
    "storage.image_cache.max_count",
    3,
    "storage:\n  image_cache:\n    max_count: 3\n",
  ],
  [
    "a registry with dots and a port",
    "registries:\n  ghcr.io:\n    insecure: false\n",
    "registries.localhost:5000.insecure",
    true,
    "registries:\n  ghcr.io:\n    insecure: false\n  localhost:5000:\n    insecure: true\n",
  ],
  ["a text that looks like a number", "", "cache_dir", "5", 'cache_dir: "5"\n'],
  ["a group in braces", "gc: { auto: true }\n", "gc.auto", false, "gc: { auto: false }\n"],
  [
    "a long line",
    `cache_dir: /${"x ".repeat(60)}y\n`,
    "transfers",
    1,
    `cache_dir: /${"x ".repeat(60)}y\ntransfers: 1\n`,
  ],
];

for (const [name, before, key, value, after] of EDITS) {
  Deno.test(`setInFile sets ${key} in ${name} and preserves the rest`, () => {
    assert.equal(afterSetting(before, key, value), after);
  });
}

/** Returns the content of a file after `key` was removed; undefined if it was not set. */
function afterUnsetting(text: string, key: string): string | undefined {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "config.yaml");
  Deno.writeTextFileSync(path, text);
  const wasThere = unsetInFile(path, findSetting(key));
  const after = Deno.readTextFileSync(path);
  if (!wasThere) assert.equal(after, text);
  return wasThere ? after : undefined;
}

/** Name, the file before, the key to remove, and the file after; undefined if the key is not set. */
const REMOVALS: [string, string, string, string | undefined][] = [
  ["is one of several", "transfers: 4 # why\ncache_dir: /x\n", "transfers", "cache_dir: /x\n"],
  ["is the only one", "transfers: 4\n", "transfers", "\n"],
  ["has all else as comments", "# mine\ntransfers: 4\n# last\n", "transfers", "# mine\n\n# last\n"],
  [
    "is the only one of a group",
    "# first\ngc:\n  # inside\n  max_size: 1GB\n  # below\ntransfers: 4\n",
    "gc.max_size",
    "# first\ngc:\n  # inside\n  # below\ntransfers: 4\n",
  ],
  [
    "is two levels down",
    "storage:\n  image_cache:\n    # much\n    max_count: 3\n",
    "storage.image_cache.max_count",
    "storage:\n  image_cache:\n    # much\n",
  ],
  [
    "has comments about others above it",
    "gc:\n  auto: false\n  # size\n  # max_size: 1GB\n  # count\n  max_count: 3\n  # age\n  unused: 1d\n",
    "gc.max_count",
    "gc:\n  auto: false\n  # size\n  # max_size: 1GB\n  # count\n  # age\n  unused: 1d\n",
  ],
  [
    "is the last of its group",
    "gc:\n  auto: false\n  # count\n  max_count: 3\ntransfers: 4\n",
    "gc.max_count",
    "gc:\n  auto: false\n  # count\ntransfers: 4\n",
  ],
  [
    "is the last of a registry",
    "registries:\n  # ours\n  a.example:\n    # old\n    insecure: true\n  b.example:\n    insecure: true\n",
    "registries.a.example.insecure",
    "registries:\n  # ours\n  # old\n  b.example:\n    insecure: true\n",
  ],
  [
    "is the last of all registries",
    "registries:\n  localhost:5000:\n    insecure: true\ntransfers: 4\n",
    "registries.localhost:5000.insecure",
    "registries:\ntransfers: 4\n",
  ],
  [
    "is in a group that another one is an alias of",
    "storage:\n  image_cache: &a { max_count: 1, enabled: true }\n  package_cache: *a\n",
    "storage.image_cache.enabled",
    "storage:\n  image_cache: &a { max_count: 1 }\n  package_cache: *a\n",
  ],
  ["is not set", "gc:\n  auto: false\n", "gc.max_size", undefined],
  ["is in a group of comments", "gc:\n  # max_size: 1GB\n", "gc.max_size", undefined],
  ["is in a file of nothing", "", "transfers", undefined],
];

for (const [name, before, key, after] of REMOVALS) {
  Deno.test(`unsetInFile removes ${key}, which ${name}, and preserves the rest`, () => {
    assert.equal(afterUnsetting(before, key), after);
    if (after !== undefined) assert.equal(afterUnsetting(after, key), undefined);
  });
}

Deno.test("unsetInFile does not create a missing file", () => {
  using folder = new TemporaryFolder();
  assert.equal(unsetInFile(join(folder.path, "config.yaml"), findSetting("transfers")), false);
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});

Deno.test("unsetInFile restores the initial file after setInFile", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "config.yaml");
  writeInitialFile(path);
  const { document: _, ...before } = parseConfigFile(Deno.readTextFileSync(path), path);
  for (const [key, value] of [["gc.max_size", "1GB"], ["gc.unused", "3d"]] as const) {
    setInFile(path, findSetting(key), value);
  }
  for (const key of ["gc.max_size", "gc.unused"]) assert.ok(unsetInFile(path, findSetting(key)));
  const text = Deno.readTextFileSync(path);
  assert.deepEqual(parseConfigFile(text, path).config, before.config);
  for (const { description } of SETTINGS) assert.ok(text.includes(description), description);
});

Deno.test("setInFile and unsetInFile, in any order, leave the other values and all comments", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "config.yaml");
  const comments = ["# first", "# in gc", "# last of gc", "# in storage", "# last"];
  const text = "# first\ngc:\n  # in gc\n  max_size: 1GB\n  # last of gc\n" +
    "storage:\n  # in storage\n  package_cache:\n    enabled: true\n\n# last\n";
  const values = SETTINGS.map((setting) => ({
    key: keyOf(setting.path).replace("*", "localhost:5000"),
    value: readValue(setting, String(setting.fallback ?? setting.example), ""),
  }));
  const edit = fc.record({ at: fc.constantFrom(...values), isSet: fc.boolean() });
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 8 }), (edits) => {
      Deno.writeTextFileSync(path, text);
      const expected = new Map<string, Scalar>([
        ["gc.max_size", "1GB"],
        ["storage.package_cache.enabled", true],
      ]);
      for (const { at: { key, value }, isSet } of edits) {
        if (isSet) {
          setInFile(path, findSetting(key), value);
          expected.set(key, value);
        } else assert.equal(unsetInFile(path, findSetting(key)), expected.delete(key));
      }
      const after = Deno.readTextFileSync(path);
      const file = parseConfigFile(after, path);
      for (const { key } of values) {
        assert.equal(file.find(findSetting(key).path)?.value, expected.get(key), key);
      }
      for (const comment of comments) assert(after.includes(`${comment}\n`), comment);
    }),
    { numRuns: 60 },
  );
});

/** Files in which nothing can be set. */
const REFUSED: [string, string, RegExp][] = [
  ["is broken", "gc: {\n", /bad config at /],
  ["has an unknown key", "gcc: {}\n", /unknown key "gcc"/],
  [
    "has an alias for the group",
    "storage:\n  image_cache: &a {max_count: 1}\n  package_cache: *a\n",
    /cannot (un)?set/,
  ],
];

for (const [name, text, reason] of REFUSED) {
  Deno.test(`setInFile and unsetInFile leave alone a file that ${name}`, () => {
    using folder = new TemporaryFolder();
    const path = join(folder.path, "config.yaml");
    Deno.writeTextFileSync(path, text);
    const place = findSetting("storage.package_cache.max_count");
    for (const edit of [() => setInFile(path, place, 2), () => unsetInFile(path, place)]) {
      assert.throws(
        edit,
        (error) => hasCode(error, "LDR_CONFIG") && reason.test(error.message),
      );
    }
    assert.equal(Deno.readTextFileSync(path), text);
  });
}

Deno.test("setInFile writes the target of a symbolic link and keeps its mode", () => {
  using folder = new TemporaryFolder();
  const [file, link] = [join(folder.path, "dotfiles.yaml"), join(folder.path, "config.yaml")];
  Deno.writeTextFileSync(file, "transfers: 1\n");
  Deno.chmodSync(file, 0o644);
  Deno.symlinkSync(file, link);
  setInFile(link, findSetting("transfers"), 2);
  assert.ok(Deno.lstatSync(link).isSymlink);
  assert.equal(Deno.readTextFileSync(file), "transfers: 2\n");
  assert.equal(Deno.statSync(file).mode! & 0o777, 0o644);
});

Deno.test("writeInitialFile writes a private file that sets nothing and replaces no other", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "deep/er/config.yaml");
  writeInitialFile(path);
  const text = Deno.readTextFileSync(path);
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  const file = parseConfigFile(text, path);
  assert.deepEqual(SETTINGS.filter((setting) => file.find(setting.path)), []);
  Deno.writeTextFileSync(path, "transfers: 1\n");
  assert.throws(() => writeInitialFile(path), (error) => hasCode(error, "LDR_CONFIG"));
  assert.equal(Deno.readTextFileSync(path), "transfers: 1\n");
  writeInitialFile(path, { replace: true });
  assert.equal(Deno.readTextFileSync(path), text);
});

Deno.test("writeInitialFile writes comments that are valid settings", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "config.yaml");
  writeInitialFile(path);
  const text = Deno.readTextFileSync(path);
  const bare = text.split("\n").map((line) =>
    line.replace(/^( *)# ((?:# | {2})*[\w.]+:(?: \S+)?)$/, "$1$2")
  );
  const { find } = parseConfigFile(bare.join("\n"), path);
  for (const { path: keys } of SETTINGS) {
    const place = keys.map((key) => key === "*" ? "registry.example" : key);
    assert.notEqual(find(place), undefined, keyOf(place));
  }
});
