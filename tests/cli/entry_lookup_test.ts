import assert from "node:assert/strict";
import { join } from "node:path";
import * as fc from "fast-check";
import { hasCode, LarderError } from "../../src/base/errors.ts";
import { DetailedError } from "../../src/cli/errors.ts";
import { lookUp, selectForRemoval } from "../../src/cli/entry_lookup.ts";
import { formatReference, parseReference } from "../../src/oci/reference.ts";
import { takeSnapshot } from "../../src/snapshot/snapshot.ts";
import type { CacheSnapshot, EntryType, SnapshotEntry } from "../../src/snapshot/types.ts";
import { displayName } from "../../src/store/entry_names.ts";
import { Layout } from "../../src/store/layout.ts";
import {
  blob,
  digestOf,
  image,
  multiPlatform,
  utf8,
  wasmModule,
} from "../support/cache/artifacts.ts";
import { TestCache } from "../support/cache/test_cache.ts";

const SHOP = image(["shop"]);
const NGINX = multiPlatform("linux/amd64", "linux/arm64");
const PACKAGE = blob("package");
const COMPONENT = blob(wasmModule("component"), "application/wasm");
const TWICE = image(["twice"]);
const ABSENT = digestOf(utf8("absent"));

const hex = ({ descriptor }: { descriptor: { digest: string } }) => descriptor.digest.slice(7);

/** Writes a package whose source begins like a transport. */
function packageFromOci(cache: TestCache): void {
  const [source, name, version, arch] = ["oci://ghcr.io/pkgs", "tool", "1.0", "wasm32"];
  const folder = join("packages", encodeURIComponent(source), name, version, arch);
  const createdAt = new Date(cache.now).toISOString();
  const record = { schemaVersion: 1, source, name, version, arch, createdAt };
  const { descriptor } = blob("tool");
  cache.write(join(folder, "record.json"), JSON.stringify({ ...record, ...descriptor }));
}

async function look(text: string): Promise<string> {
  using cache = new TestCache();
  cache.pulled("ghcr.io/acme/shop:v1", SHOP);
  cache.pulled("docker.io/library/nginx:latest", NGINX);
  cache.pulled("ghcr.io/acme/twice:a", TWICE);
  cache.pulled("ghcr.io/acme/twice:b", TWICE);
  cache.pulledByDigest("quay.io/x/y", SHOP);
  cache.package("deb.example/hello/1.0/amd64", PACKAGE);
  packageFromOci(cache);
  cache.blobs([COMPONENT]);
  cache.compiled(COMPONENT.descriptor.digest, "engine-1", [blob("code")]);
  cache.compiled(ABSENT, "engine-1", [blob("other code")]);
  const found = lookUp(await takeSnapshot(new Layout(cache.registry), cache.now), text);
  return found.kind === "entry" ? found.entry.name : `${found.contents[0]!.tree} ${found.digest}`;
}

/** Names and digests as typed, and the entry or content that they match. */
const FOUND: [string, string][] = [
  ["docker://ghcr.io/acme/shop:v1", "ghcr.io/acme/shop:v1"],
  ["oci://nginx", "docker.io/library/nginx:latest"],
  ["oci://ghcr.io/pkgs/tool/1.0/wasm32", "oci://ghcr.io/pkgs/tool/1.0/wasm32"],
  ["oci://ghcr.io/pk", "oci://ghcr.io/pkgs/tool/1.0/wasm32"],
  ["ghcr.io/acme/shop:v1", "ghcr.io/acme/shop:v1"],
  ["ghcr.io/acme/s", "ghcr.io/acme/shop:v1"],
  ["docker.io/library/nginx:latest", "docker.io/library/nginx:latest"],
  ["nginx", "docker.io/library/nginx:latest"],
  ["library/nginx:latest", "docker.io/library/nginx:latest"],
  ["ngi", "docker.io/library/nginx:latest"],
  ["ghcr.io/acme/twice:b", "ghcr.io/acme/twice:b"],
  ["quay.io", `quay.io/x/y@${SHOP.descriptor.digest}`],
  ["deb.example/hello/1.0/amd64", "deb.example/hello/1.0/amd64"],
  [NGINX.descriptor.digest, "docker.io/library/nginx:latest"],
  [hex(NGINX).slice(0, 12), "docker.io/library/nginx:latest"],
  [PACKAGE.descriptor.digest, "deb.example/hello/1.0/amd64"],
  [TWICE.descriptor.digest, `manifests ${TWICE.descriptor.digest}`],
  [NGINX.children[1]!.descriptor.digest, `manifests ${NGINX.children[1]!.descriptor.digest}`],
  [hex(SHOP.blobs[1]!), `data ${SHOP.blobs[1]!.descriptor.digest}`],
  [`sha256:${hex(SHOP.blobs[0]!).slice(0, 20)}`, `data ${SHOP.blobs[0]!.descriptor.digest}`],
  [COMPONENT.descriptor.digest, `wasm ${COMPONENT.descriptor.digest}`],
  // Listings show compiled code by this beginning of its component.
  [hex(COMPONENT).slice(0, 12), `${COMPONENT.descriptor.digest}/engine-1`],
  [`sha256:${hex(COMPONENT).slice(0, 12)}`, `${COMPONENT.descriptor.digest}/engine-1`],
  [`${COMPONENT.descriptor.digest}/`, `${COMPONENT.descriptor.digest}/engine-1`],
  [`${hex(COMPONENT).slice(0, 12)}/engine-1`, `${COMPONENT.descriptor.digest}/engine-1`],
  [`${hex(COMPONENT).slice(0, 12)}/eng`, `${COMPONENT.descriptor.digest}/engine-1`],
  [ABSENT.slice(7, 30), `${ABSENT}/engine-1`],
];

for (const [text, found] of FOUND) {
  Deno.test(`lookUp finds ${found} for ${text}`, async () => assert.equal(await look(text), found));
}

/** What several things can be, and the candidates. */
const AMBIGUOUS: [string, RegExp[]][] = [
  ["ghcr.io/acme/twice", [
    /^ {2}image +ghcr\.io\/acme\/twice:a$/,
    /^ {2}image +ghcr\.io\/acme\/twice:b$/,
  ]],
  [
    "ghcr.io/",
    [/shop:v1$/, /twice:a$/, /twice:b$/],
  ],
];

for (const [text, lines] of AMBIGUOUS) {
  Deno.test(`lookUp lists the matches of the ambiguous ${text}`, async () => {
    await assert.rejects(look(text), (error) => {
      assert.ok(error instanceof DetailedError && error.code === "LDR_USAGE");
      assert.equal(error.details.length, lines.length);
      lines.forEach((line, i) => assert.match(error.details[i]!, line));
      return true;
    });
  });
}

Deno.test("lookUp lists the first 20 of many matches and the number of the others", async () => {
  using cache = new TestCache();
  cache.blobs(Array.from({ length: 30 }, (_, i) => blob(`blob ${i}`)));
  const snapshot = await takeSnapshot(new Layout(cache.registry), cache.now);
  assert.throws(() => lookUp(snapshot, "sha256:"), (error) => {
    assert.ok(error instanceof DetailedError);
    assert.match(error.message, /30 matches/);
    assert.deepEqual([error.details.length, error.details.at(-1)], [21, "  and 10 more"]);
    return true;
  });
});

/** What stands for nothing, and the hint. */
const ABSENTEES: [string, RegExp][] = [
  ["ngimx", /^did you mean nginx\?$/],
  ["ghcr.io/acme/shop:v2", /^did you mean ghcr\.io\/acme\/shop:v1\?$/],
  ["sha256:zz", /^larder list -v /],
  ["*", /^larder list -v /],
];

for (const [text, hint] of ABSENTEES) {
  Deno.test(`lookUp finds nothing for "${text}"`, async () => {
    await assert.rejects(
      look(text),
      (error) => hasCode(error, "LDR_NOT_CACHED", "LDR_USAGE") && hint.test(error.hint),
    );
  });
}

/** Names without their beginnings, and what the hint suggests. */
const WITHOUT_BEGINNING: [string, string][] = [
  ["acme/twi", "did you mean ghcr.io/acme/twice:a?"],
  ["acme/shop", "did you mean ghcr.io/acme/shop:v1?"],
  ["acme/sh*", "did you mean '*/acme/sh*'?"],
  ["other/*", "larder list -v lists the entries"],
];

for (const [name, hint] of WITHOUT_BEGINNING) {
  Deno.test(`lookUp suggests the beginning that ${name} lacks`, async () => {
    await assert.rejects(look(name), { code: "LDR_NOT_CACHED", hint });
  });
}

/** What may not be read, a name that is not found, and whether it may be hidden there. */
const HIDDEN: [string, string, boolean][] = [
  ["manifests", "nginx:1", true],
  ["manifests", "deb.example/hello/2.0/amd64", true], // Also the name of a repository.
  ["manifests/ghcr.io/acme", "docker://ghcr.io/acme/app:v1", true],
  ["manifests/ghcr.io/acme/app/v1", "ghcr.io/acme/app:v1", true],
  [`manifests/ghcr.io/acme/app/${ABSENT}`, `ghcr.io/acme/app@${ABSENT}`, true],
  ["manifests/ghcr.io/acme/app/v1", "ghcr.io/acme/app:v10", false],
  ["manifests/ghcr.io", "nginx:1", false],
  ["packages/deb.example", "deb.example/hello/2.0/amd64", true],
  ["packages/deb.example", "deb.example/hello", false],
  ["builds", `disk@${ABSENT}`, true],
  ["compiled", `${ABSENT}/engine-1`, true],
  ["data", "nginx:1", false],
];

for (const [path, name, isHidden] of HIDDEN) {
  Deno.test(`lookUp says of ${name} that it ${isHidden ? "may be" : "is not"} in ${path}`, async () => {
    using cache = new TestCache();
    const snapshot = await takeSnapshot(new Layout(cache.registry), cache.now);
    const error = new LarderError("LDR_PERMISSION", "cannot list it", { hint: "chown it" });
    const unreadable = [{ path: join(cache.registry, path), error }];
    const shown = name.replace("docker://", "");
    assert.throws(() => lookUp({ ...snapshot, unreadable }, name), {
      code: isHidden ? "LDR_PERMISSION" : "LDR_NOT_CACHED",
      message: isHidden
        ? `cannot tell whether ${shown} is in the cache: cannot list it`
        : `nothing in the cache matches "${shown}"`,
      hint: isHidden ? "chown it" : "larder list -v lists the entries",
    });
  });
}

Deno.test("the name of an entry finds and removes it alone, whole and as tables show it", () => {
  const of = (...parts: string[]) => fc.constantFrom(...parts);
  const joined = (parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((all) => all.join("/"));
  const digest = of("a", "b").map((digit) => `sha256:${digit.repeat(64)}`);
  const names: Partial<Record<EntryType, fc.Arbitrary<string>>> = {
    image: joined([of("docker.io", "ghcr.io", "local"), of("library", "local", "ghcr.io"), of("a")])
      .map((name) => formatReference(parseReference(name))),
    package: joined([of("npm/@a", "@a", "a"), of("a", "1"), of("1"), of("1", "2")]),
    build: fc.tuple(of("a", "b"), digest).map(([name, key]) => `${name}@${key}`),
    compiled: digest.map((digest) => `${digest}/engine`),
  };
  const kinds = Object.entries(names).map(([type, name]) => name.map((name) => ({ type, name })));
  const cache = fc.uniqueArray(fc.oneof(...kinds), { selector: ({ name }) => name, maxLength: 8 });
  fc.assert(fc.property(cache, (entries) => {
    const snapshot = { entries, contents: [] } as unknown as CacheSnapshot;
    for (const entry of snapshot.entries) {
      for (const text of new Set([entry.name, displayName(entry.name)])) {
        const found = lookUp(snapshot, text);
        assert.equal(found.kind === "entry" && found.entry.name, entry.name);
        assert.deepEqual(selectForRemoval(snapshot.entries, text), [entry]);
      }
    }
  }));
});

Deno.test("selectForRemoval refuses a name that entries share, and hints at a glob for all of them", () => {
  const names = ["a/hello/1/amd64", "b/hello/1/amd64", "a/hello/1/arm64", "b/hello/2/amd64"];
  const entries = names.map((name) => ({ type: "package", name })) as unknown as SnapshotEntry[];
  for (
    const [text, glob] of [
      ["hello/1/amd64", "*/hello/1/amd64"],
      ["hello=1", "hello/*"],
      ["hello", "hello/*"],
    ] as const
  ) {
    assert.throws(() => selectForRemoval(entries, text), {
      code: "LDR_USAGE",
      hint: `write more of the name, or '${glob}' for all of them`,
    });
  }
});
