import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../../../src/base/errors.ts";
import { parseToml } from "../../../src/base/documents/toml_document.ts";
import { parseReference } from "../../../src/oci/reference.ts";
import {
  mergeRegistriesConfs,
  readRegistriesConf,
  type RegistriesConf,
  routeOf,
  tableOf,
} from "../../../src/registry/mirrors/registries_conf.ts";

function conf(...texts: string[]): RegistriesConf {
  const raise = (location: string, reason: string): never => assert.fail(`${location} ${reason}`);
  return mergeRegistriesConfs(
    texts.map((text, i) => readRegistriesConf(parseToml(text, `${i}.conf`, raise), `${i}.conf`)),
  );
}

/** Returns where a reference is asked for, in order: `host/repository`, with `!` if insecure connections are allowed. */
function places(settings: RegistriesConf, text: string): string[] {
  const reference = parseReference(text);
  const table = tableOf(settings, reference);
  if (!table) return ["-"];
  const { mirrors, upstream, insecure } = routeOf(table, reference);
  return [...mirrors, upstream ?? reference].map(({ registry, repository }) =>
    `${registry}/${repository}${insecure.includes(registry) ? "!" : ""}`
  );
}

const table = (fields: string) => `[[registry]]\n${fields}\n`;
const EXAMPLE = table('prefix = "example.com/foo"\nlocation = "internal.example.net/bar"') +
  '[[registry.mirror]]\nlocation = "m0.local/mirror-for-foo"\n' +
  '[[registry.mirror]]\nlocation = "m1.local/mirrors/foo"\ninsecure = true\n';

const ROUTES: [name: string, text: string, reference: string, places: string[]][] = [
  ["mirrors and location replace the prefix", EXAMPLE, "example.com/foo/image:latest", [
    "m0.local/mirror-for-foo/image",
    "m1.local/mirrors/foo/image!",
    "internal.example.net/bar/image",
  ]],
  ["a prefix of another repository does not match", EXAMPLE, "example.com/foobar/image", ["-"]],
  ["a prefix can be a whole name", EXAMPLE, "example.com/foo", [
    "m0.local/mirror-for-foo",
    "m1.local/mirrors/foo!",
    "internal.example.net/bar",
  ]],
  [
    "a missing prefix is the location",
    table('location = "a.test"\ninsecure = true'),
    "a.test/x",
    ["a.test/x!"],
  ],
  [
    "a missing location is the prefix",
    table('prefix = "a.test"') + '[[registry.mirror]]\nlocation = "m.test"\n',
    "a.test/x",
    ["m.test/x", "a.test/x"],
  ],
  [
    "the longest prefix applies, wherever it stands",
    table('prefix = "a.test/b"\nlocation = "two.test"') +
    table('prefix = "a.test"\nlocation = "one.test"') +
    table('prefix = "a.test/b/c"\nlocation = "three.test"'),
    "a.test/b/x",
    ["two.test/x"],
  ],
  [
    "Docker Hub's short names are in library",
    table('location = "docker.io"') +
    '[[registry.mirror]]\nlocation = "localhost:5000/docker.io"\n',
    "nginx",
    ["localhost:5000/docker.io/library/nginx", "docker.io/library/nginx"],
  ],
  [
    "a mirror's path can have a host with a port",
    table('location = "lan:5000"') + '[[registry.mirror]]\nlocation = "localhost:1/lan:5000"\n',
    "lan:5000/x",
    ["localhost:1/lan:5000/x", "lan:5000/x"],
  ],
  [
    "a port belongs to the host",
    table('prefix = "example.com"\nlocation = "m.test"'),
    "example.com:5000/x",
    ["-"],
  ],
  [
    "a wildcard matches the hosts below one",
    table('prefix = "*.example.com"') + '[[registry.mirror]]\nlocation = "m.test/p"\n',
    "a.b.example.com/x",
    ["m.test/p/x", "a.b.example.com/x"],
  ],
  ["a wildcard is not the host itself", table('prefix = "*.example.com"'), "example.com/x", ["-"]],
  [
    "a wildcard is no part of a repository",
    table('prefix = "*.example.com"'),
    "a.test/x.example.com/y",
    ["-"],
  ],
  [
    "a mirror without a repository is left out",
    table('prefix = "a.test/x"') + '[[registry.mirror]]\nlocation = "m.test"\n',
    "a.test/x",
    ["a.test/x"],
  ],
];

for (const [name, text, reference, expected] of ROUTES) {
  Deno.test(`registries.conf: ${name}`, () => {
    assert.deepEqual(places(conf(text), reference), expected);
  });
}

Deno.test("registries.conf: a later file replaces tables with the same prefix and aliases of the same name", () => {
  const settings = conf(
    EXAMPLE + '[aliases]\na = "one.test/a"\nb = "one.test/b"\nc = "one.test/c"\n',
    table('prefix = "example.com/foo"\nlocation = "other.test"') +
      '[aliases]\nb = "two.test/b"\nc = ""\n',
    table('location = "new.test"'),
  );
  assert.deepEqual(places(settings, "example.com/foo/x"), ["other.test/x"]);
  assert.deepEqual(places(settings, "new.test/x"), ["new.test/x"]);
  assert.deepEqual([...settings.aliases].map(([name, alias]) => [name, alias?.name]), [
    ["a", "one.test/a"],
    ["b", "two.test/b"],
    ["c", undefined],
  ]);
  assert.equal(settings.aliases.get("b")?.file, "1.conf");
});

Deno.test("registries.conf: pull-from-mirror and mirror-by-digest-only decide what a mirror is asked for", () => {
  const mirror = (use: string) => `[[registry.mirror]]\nlocation = "m.test"\n${use}\n`;
  const uses = (text: string) => conf(text).tables[0]!.mirrors.map(({ use }) => use);
  const base = 'location = "a.test"';
  assert.deepEqual(
    uses(
      table(base) + mirror("") + mirror('pull-from-mirror = "digest-only"') +
        mirror('pull-from-mirror = "tag-only"'),
    ),
    ["all", "digest-only", "tag-only"],
  );
  assert.deepEqual(uses(table(`${base}\nmirror-by-digest-only = true`) + mirror("")), [
    "digest-only",
  ]);
});

const BAD: [name: string, text: string, message: RegExp][] = [
  ["version 1", "[registries.search]\nregistries = ['a.test']", /old format, version 1/],
  ["no name", "[[registry]]\nblocked = true", /neither a prefix nor a location/],
  ["a wildcard in the middle", table('prefix = "a.*.test"'), /a \* that/],
  ["a wildcard with a path", table('prefix = "*.test/x"'), /a \* that/],
  ["a scheme", table('location = "https://a.test"'), /has a scheme/],
  ["a bad host", table('location = "a b"'), /not a host name/],
  ["a bad path", table('location = "a.test/../b"'), /cannot be a part of a path/],
  ["a text for a switch", table('location = "a.test"\nblocked = "yes"'), /blocked is not true/],
  ["a table for a list", '[registry]\nlocation = "a.test"', /registry is not a list/],
  [
    "an unknown use",
    table('location = "a.test"') +
    '[[registry.mirror]]\nlocation = "m.test"\npull-from-mirror = "no"',
    /pull-from-mirror is "no"/,
  ],
  ["an alias of a full name", '[aliases]\n"a.test/x" = "b.test/x"', /not a short name/],
  ["an alias for a short name", '[aliases]\na = "b"', /not a name with a registry/],
  ["an alias with a tag", '[aliases]\na = "b.test/a:1"', /not a name with a registry/],
];

for (const [name, text, message] of BAD) {
  Deno.test(`registries.conf with ${name} is refused`, () => {
    assert.throws(
      () => conf(text),
      (error: unknown) => hasCode(error, "LDR_CONFIG") && message.test(error.message),
    );
  });
}

Deno.test("registries.conf: any content is read or refused with LDR_CONFIG", () => {
  const keys = fc.constantFrom("prefix", "location", "insecure", "mirror", "blocked", "x");
  const text = fc.constantFrom("", "a.test", "*.test", "a.test/b", "/", "https://a", "a/../b", "*");
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      text,
      fc.boolean(),
      fc.integer(),
      fc.array(tie("value"), { maxLength: 2 }),
      fc.dictionary(keys, tie("value"), { maxKeys: 3 }),
    ),
  }));
  const content = fc.record(
    { registry: fc.oneof(value, fc.array(fc.dictionary(keys, value))), aliases: value },
    { requiredKeys: [] },
  );
  fc.assert(fc.property(content, (content) => {
    try {
      const settings = readRegistriesConf(content, "x.conf");
      places(settings, "a.test/b/c");
    } catch (error) {
      if (!hasCode(error, "LDR_CONFIG")) throw error;
    }
  }));
});
