import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import { describeSource, parseSpinManifest } from "../../../src/pull/spin_toml/manifest.ts";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;
const PATH = "app/spin.toml";

const parse = (text: string) => parseSpinManifest(text, PATH);
const version2 = (text: string) => parse(`spin_manifest_version = 2\n${text}`);

Deno.test("parseSpinManifest reads version 2: files, URLs and packages, in order", () => {
  assert.deepEqual(
    version2(`
      [application]
      name = "shop"
      [[trigger.http]]
      route = "/..."
      component = "cart"
      [component.cart]
      source = "cart.wasm"
      files = ["a"]
      [component.cart.build]
      command = "make"
      [component.static]
      source = { url = "https://example.com/static.wasm", digest = "${DIGEST}" }
      [component.auth]
      source = { registry = "ttl.sh", package = "user:o-auth2", version = "1.2.3-rc.1" }
      [component.default]
      source = { package = "wasi:http", version = "0.2.0" }
    `),
    [
      { kind: "local", component: "cart", path: "cart.wasm" },
      {
        kind: "url",
        component: "static",
        url: new URL("https://example.com/static.wasm"),
        digest: DIGEST,
      },
      {
        kind: "package",
        component: "auth",
        registry: "ttl.sh",
        package: { namespace: "user", name: "o-auth2" },
        version: "1.2.3-rc.1",
        exact: true,
      },
      {
        kind: "package",
        component: "default",
        registry: undefined,
        package: { namespace: "wasi", name: "http" },
        version: "0.2.0",
        exact: true,
      },
    ],
  );
});

Deno.test("parseSpinManifest reads version 1, with either name of the version", () => {
  for (const key of ["spin_manifest_version", "spin_version"]) {
    assert.deepEqual(
      parse(`
        ${key} = "1"
        name = "old"
        trigger = { type = "http" }
        [[component]]
        id = "one"
        source = "one.wasm"
        [component.trigger]
        route = "/"
        [[component]]
        id = "two"
        [component.source]
        url = "http://example.com/two.wasm"
        digest = "${DIGEST}"
      `),
      [
        { kind: "local", component: "one", path: "one.wasm" },
        {
          kind: "url",
          component: "two",
          url: new URL("http://example.com/two.wasm"),
          digest: DIGEST,
        },
      ],
    );
  }
});

Deno.test("parseSpinManifest returns no sources for an application without components", () => {
  assert.deepEqual(version2(""), []);
  assert.deepEqual(parse(`spin_manifest_version = "1"`), []);
});

Deno.test("parseSpinManifest reads every form of dependency", () => {
  const sources = version2(`
    [component.cart]
    source = "cart.wasm"
    [component.cart.dependencies]
    "a:range/x@0.1.0" = ">=0.1.0"
    "a:caret" = "1.2.3"
    "a:exact/x" = "=1.2.3"
    "a:named" = { version = "= 2.0.0", registry = "ghcr.io", package = "b:other", export = "c" }
    "a:local" = { path = "dep.wasm", export = "x" }
    "a:url" = { url = "https://example.com/d.wasm", digest = "${DIGEST}", inherit_configuration = true }
    "a:own" = { component = "cart" }
    plain = { version = "=1.0.0", package = "c:plain" }
  `);
  const inCart = (dependency: string) => ({ component: "cart", dependency });
  const aPackage = (dependency: string, namespace: string, name: string) => ({
    kind: "package",
    ...inCart(dependency),
    registry: undefined,
    package: { namespace, name },
  });
  assert.deepEqual(sources.slice(1), [
    { ...aPackage("a:range/x@0.1.0", "a", "range"), version: ">=0.1.0", exact: false },
    { ...aPackage("a:caret", "a", "caret"), version: "1.2.3", exact: false },
    { ...aPackage("a:exact/x", "a", "exact"), version: "1.2.3", exact: true },
    {
      ...aPackage("a:named", "b", "other"),
      registry: "ghcr.io",
      version: "2.0.0",
      exact: true,
    },
    { kind: "local", ...inCart("a:local"), path: "dep.wasm" },
    {
      kind: "url",
      ...inCart("a:url"),
      url: new URL("https://example.com/d.wasm"),
      digest: DIGEST,
    },
    { ...aPackage("plain", "c", "plain"), version: "1.0.0", exact: true },
  ]);
  assert.equal(describeSource(sources[1]!), `dependency "a:range/x@0.1.0" of component "cart"`);
});

Deno.test("parseSpinManifest reads components and dependencies defined in a trigger", () => {
  const sources = version2(`
    [[trigger.http]]
    route = "/"
    component = { source = { url = "https://example.com/a.wasm", digest = "${DIGEST}" } }
    [[trigger.http]]
    route = "/b"
    component = "named"
    [trigger.http.components]
    one = { source = "one.wasm" }
    many = ["named", { source = "many.wasm" }]
    [[trigger.http.dependencies.middleware]]
    url = "https://example.com/m.wasm"
    digest = "${DIGEST}"
  `);
  assert.deepEqual(
    sources.map((source) => [source.kind, describeSource(source)]),
    [
      ["url", `component "http trigger 1"`],
      ["local", `component "http trigger 2"`],
      ["local", `component "http trigger 2"`],
      ["url", `dependency "middleware" of component "http trigger 2"`],
    ],
  );
});

const source = (text: string) => `spin_manifest_version = 2\n[component.c]\nsource = ${text}`;
const dependency = (text: string) => `${source('"c.wasm"')}\n[component.c.dependencies]\n${text}`;
const url = (address: string) => source(`{ url = "${address}", digest = "${DIGEST}" }`);

const BAD: [string, string, RegExp][] = [
  ["invalid TOML", "spin_manifest_version = 2\nname = \n", /app\/spin\.toml:2:8: invalid value/],
  ["a table twice", "[a]\nb = 1\n[a]\nb = 2\n", /app\/spin\.toml:3:/],
  ["no version", `name = "x"`, /must be 2, or "1".*it is missing/],
  ["version 3", "spin_manifest_version = 3", /it is 3/],
  ["version 1 as a number", "spin_manifest_version = 1", /it is 1/],
  ["version 2 as text", `spin_manifest_version = "2"`, /it is "2"/],
  [
    "a component without a source",
    "spin_manifest_version = 2\n[component.c]",
    /component\.c\.source/,
  ],
  ["a source that is a number", source("1"), /component\.c\.source/],
  [
    "components of version 1 in 2",
    `spin_manifest_version = 2\n[[component]]\nid = "c"`,
    /component/,
  ],
  ["a URL without a digest", source('{ url = "https://x.example/c" }'), /"c": the url.*no digest/],
  [
    "a digest that is a number",
    source('{ url = "https://x.example/c", digest = 1 }'),
    /not a string/,
  ],
  [
    "a digest without its algorithm",
    source(`{ url = "https://x.example/c", digest = "${DIGEST.slice(7)}" }`),
    /does not begin with "sha256:"/,
  ],
  [
    "a sha512 digest",
    source(`{ url = "https://x.example/c", digest = "sha512:${"0".repeat(128)}" }`),
    /does not begin with "sha256:"/,
  ],
  [
    "a digest that is too short",
    source('{ url = "https://x.example/c", digest = "sha256:abc" }'),
    /64 lowercase hexadecimal digits/,
  ],
  [
    "a digest that leaves the tree",
    source('{ url = "https://x.example/c", digest = "sha256:../../evil" }'),
    /64 lowercase hexadecimal digits/,
  ],
  [
    "a digest in upper case",
    source(`{ url = "https://x.example/c", digest = "sha256:${"A".repeat(64)}" }`),
    /64 lowercase hexadecimal digits/,
  ],
  ["a file URL", url("file:///etc/passwd"), /does not begin with https/],
  ["an invalid URL", url("example.com/x"), /does not begin with https/],
  ["a misspelt member", source('{ url = "https://x.example/c", diggest = "" }'), /"diggest"/],
  ["neither URL nor package", source('{ bindle = "x" }'), /unknown member "bindle"/],
  ["a package without a version", source('{ package = "a:b" }'), /it has no version/],
  ["a version without a package", source('{ version = "1.0.0" }'), /it has no package/],
  ["a version range", source('{ package = "a:b", version = "^1" }'), /not a semantic version/],
  ["a short version", source('{ package = "a:b", version = "1.2" }'), /not a semantic version/],
  ["a package without a namespace", source('{ package = "b", version = "1.0.0" }'), /"b" is not/],
  [
    "a package that leaves its repository",
    source('{ package = "..:b", version = "1.0.0" }'),
    /"\.\.:b" is not/,
  ],
  ["a package in upper case", source('{ package = "A:b", version = "1.0.0" }'), /"A:b" is not/],
  [
    "a dependency with a plain name and only a version",
    dependency('plain = "=1.0.0"'),
    /dependency "plain" of component "c": it has no package/,
  ],
  [
    "a dependency by URL without a digest",
    dependency('"a:b" = { url = "https://x.example/c" }'),
    /no digest/,
  ],
  ["an empty dependency", dependency('"a:b" = {}'), /it has no version/],
];

for (const [name, text, reason] of BAD) {
  Deno.test(`parseSpinManifest rejects ${name}`, () => {
    assert.throws(() => parse(text), (error) => {
      assert.ok(hasCode(error, "LDR_BAD_SPIN_MANIFEST"), String(error));
      assert.match(error.message, reason);
      assert.ok(error.message.includes(PATH));
      return true;
    });
  });
}
