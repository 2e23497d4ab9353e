import assert from "node:assert/strict";
import { join } from "node:path";
import { type ErrorCode, hasCode } from "../../../src/base/errors.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { digestOf } from "../../../src/oci/hash.ts";
import { Puller } from "../../../src/pull/puller.ts";
import { pullComponents } from "../../../src/pull/spin_toml/components.ts";
import { RegistryClient } from "../../../src/registry/client.ts";
import { httpTransport } from "../../../src/registry/http/transport_stack.ts";
import { takeSnapshot } from "../../../src/snapshot/snapshot.ts";
import type { SnapshotEntry } from "../../../src/snapshot/types.ts";
import { BlobStore } from "../../../src/store/blobs/blob_store.ts";
import { PackageStore } from "../../../src/store/entries/package_store.ts";
import { Layout } from "../../../src/store/layout.ts";
import type { HostPlatform } from "../../../src/store/platform_dirs.ts";
import {
  image,
  randomBytes,
  utf8,
  wasmArtifact,
  wasmModule,
} from "../../support/cache/artifacts.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { Gate } from "../../support/gate.ts";
import {
  type Fault,
  heldAfter,
  html,
  redirect,
  resetAfter,
  status,
  wrongBytes,
} from "../../support/registry/faults.ts";
import { TestRegistry } from "../../support/registry/test_registry.ts";
import { until } from "../../support/until.ts";

const METADATA = "/.well-known/wasm-pkg/registry.json";
const module = wasmModule("component");

/** A cache, a `spin.toml`, and a server that is a web server and a registry in one. */
class Scene implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "larder-components-" });
  readonly layout = new Layout(join(this.folder, "registry"));
  readonly store = new BlobStore(this.layout);
  readonly platform: HostPlatform = {
    os: "linux",
    env: (name) => name === "XDG_CONFIG_HOME" ? join(this.folder, "config") : undefined,
  };

  private constructor(readonly server: TestRegistry) {}

  static async open(): Promise<Scene> {
    return new Scene(await TestRegistry.start());
  }

  /** Pulls an application with these components: names and sources. */
  pull(
    components: Record<string, string>,
    options: { offline?: boolean; signal?: AbortSignal; more?: string } = {},
  ) {
    const text = Object.entries(components)
      .map(([name, source]) => `[component.${name}]\nsource = ${source}\n`).join("");
    const manifest = join(this.folder, "spin.toml");
    Deno.writeTextFileSync(
      manifest,
      `spin_manifest_version = 2\n${text}${options.more ?? ""}`,
    );
    return this.pullManifest(manifest, options);
  }

  pullManifest(manifest: string, options: { offline?: boolean; signal?: AbortSignal } = {}) {
    const clock = new FakeClock();
    const transport = httpTransport({ clock });
    const authorizer = { current: () => undefined, authorize: () => Promise.reject(new Error()) };
    const client = new RegistryClient({ transport, authorizer, clock });
    const puller = new Puller({ layout: this.layout, client, transport, clock });
    const { offline = false } = options;
    return pullComponents(manifest, {
      store: this.store,
      packages: new PackageStore(this.layout),
      transport,
      clock,
      platform: this.platform,
      offline,
      limit: 4,
      signal: options.signal,
      pullPackage: (reference, signal) =>
        puller.pull(reference, { policy: offline ? "never" : "always", transfers: 4, signal }),
    });
  }

  /** Returns a URL source whose bytes the server has. */
  url(path: string, bytes: Uint8Array = module, digest: Digest = digestOf(bytes)): string {
    return `{ url = "${this.server.addFile(path, bytes)}", digest = "${digest}" }`;
  }

  configure(text: string): void {
    Deno.mkdirSync(join(this.folder, "config/wasm-pkg"), { recursive: true });
    Deno.writeTextFileSync(join(this.folder, "config/wasm-pkg/config.toml"), text);
  }

  wasm(bytes: Uint8Array = module): string {
    return this.layout.blob("wasm", digestOf(bytes));
  }

  assertCached(bytes: Uint8Array): void {
    assert.deepEqual(Deno.readFileSync(this.wasm(bytes)), bytes);
    assert.deepEqual(names(join(this.layout.root, "partial")), []);
  }

  /** Returns the entries of the cache. */
  async entries(): Promise<readonly SnapshotEntry[]> {
    return (await takeSnapshot(this.layout, Date.now())).entries;
  }

  assertNothingKept(): void {
    for (const folder of ["wasm", "data", "partial", "packages"]) {
      assert.deepEqual(names(join(this.layout.root, folder)), []);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

function names(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map((entry) => entry.name);
  } catch {
    return [];
  }
}

async function assertFails(
  work: Promise<unknown>,
  code: ErrorCode,
  exitCode: number,
  message: RegExp,
): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(hasCode(error, code), String(error));
    assert.equal(error.exitCode, exitCode);
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("pullComponents fetches a URL to wasm/ by its digest, once", async () => {
  await using scene = await Scene.open();
  const source = scene.url("/a.wasm");
  const modules = async () => (await scene.pull({ a: source })).map((result) => result.modules);
  const expected = { digest: digestOf(module), size: module.length };
  assert.deepEqual(await modules(), [[{ ...expected, outcome: "fetched" }]]);
  scene.assertCached(module);
  scene.server.clearLog();
  assert.deepEqual(await modules(), [[{ ...expected, outcome: "reused" }]]);
  assert.deepEqual(scene.server.requests(), []);
});

Deno.test("pullComponents makes a URL's module a package of the cache", async () => {
  await using scene = await Scene.open();
  await scene.pull({ a: scene.url("/a.wasm") });
  const url = `http://${scene.server.host}/a.wasm`;
  const [entry] = await scene.entries();
  assert.deepEqual(
    (await scene.entries()).map(({ type, name, problem }) => ({ type, name, problem })),
    [{
      type: "package",
      name: `url/${url}/${digestOf(module)}/wasm`,
      problem: undefined,
    }],
  );
  assert.deepEqual([entry!.digest, entry!.references.length], [digestOf(module), 1]);
});

Deno.test("pullComponents marks a cached module as used, even if Spin wrote it", async () => {
  await using scene = await Scene.open();
  Deno.mkdirSync(scene.layout.tree("wasm"), { recursive: true });
  Deno.writeFileSync(scene.wasm(), module, { mode: 0o644 });
  const source = scene.url("/a.wasm");
  await scene.pull({ a: source });
  const [before] = await scene.entries();
  const record = join(before!.folder, "record.json");
  const text = Deno.readTextFileSync(record);
  Deno.utimeSync(record, new Date(0), new Date(0));
  assert.equal((await scene.entries())[0]!.lastUsed, 0);
  await scene.pull({ a: source });
  assert.ok((await scene.entries())[0]!.lastUsed > 0);
  assert.equal(Deno.readTextFileSync(record), text);
});

Deno.test("pullComponents names a URL's module by the URL, redacted and shortened", async () => {
  await using scene = await Scene.open();
  await scene.pull({
    a: scene.url("/a.wasm").replace("/a.wasm", "/a.wasm?token=hidden"),
    b: scene.url("/b.wasm").replace("/b.wasm", `/b.wasm?${"é".repeat(200)}`),
  });
  const [a, b] = (await scene.entries()).map(({ name, problem }) => {
    assert.equal(problem, undefined);
    return name;
  });
  const url = `url/http://${scene.server.host}`;
  assert.equal(a, `${url}/a.wasm?token=***/${digestOf(module)}/wasm`);
  assert.ok(b!.startsWith(`${url}/b.wasm?%C3%A9%C3%A9`));
});

Deno.test("pullComponents requests no content encoding", async () => {
  await using scene = await Scene.open();
  await scene.pull({ a: scene.url("/a.wasm") });
  assert.equal(scene.server.requests("/a.wasm")[0]?.headers.get("accept-encoding"), "identity");
});

Deno.test("pullComponents lists local components and version ranges without a request", async () => {
  await using scene = await Scene.open();
  const results = await scene.pull({ a: '"a.wasm"' }, {
    more: `[component.a.dependencies]\n"b:c" = ">=1"\n`,
  });
  assert.deepEqual(results.map(({ source, modules }) => [source.kind, modules]), [
    ["local", []],
    ["package", []],
  ]);
  assert.deepEqual(scene.server.requests(), []);
});

Deno.test("pullComponents fetches a shared source once", async () => {
  await using scene = await Scene.open();
  const source = scene.url("/a.wasm");
  const results = await scene.pull({ a: source, b: source });
  assert.equal(scene.server.requests("/a.wasm").length, 1);
  assert.deepEqual(results.map((r) => r.modules[0]?.outcome).sort(), ["fetched", "reused"]);
});

Deno.test("pullComponents accepts an empty module", async () => {
  await using scene = await Scene.open();
  const empty = new Uint8Array();
  await scene.pull({ a: scene.url("/empty.wasm", empty) });
  scene.assertCached(empty);
});

Deno.test("pullComponents uses a module that Spin downloaded", async () => {
  await using scene = await Scene.open();
  Deno.mkdirSync(scene.layout.tree("wasm"), { recursive: true });
  Deno.writeFileSync(scene.wasm(), module, { mode: 0o644 });
  await scene.pull({ a: scene.url("/a.wasm") });
  assert.deepEqual(scene.server.requests(), []);
});

Deno.test("pullComponents replaces a truncated module, whatever its mode", async () => {
  for (const mode of [0o600, 0o644]) {
    await using scene = await Scene.open();
    Deno.mkdirSync(scene.layout.tree("wasm"), { recursive: true });
    Deno.writeFileSync(scene.wasm(), module.subarray(0, 5), { mode });
    await scene.pull({ a: scene.url("/a.wasm") });
    scene.assertCached(module);
  }
});

Deno.test("pullComponents fails with LDR_DIGEST_MISMATCH for wrong bytes and keeps none of them", async () => {
  await using scene = await Scene.open();
  const source = scene.url("/a.wasm", module, digestOf(utf8("something else")));
  await assertFails(
    scene.pull({ cart: source }),
    "LDR_DIGEST_MISMATCH",
    5,
    /component "cart": wrong/,
  );
  scene.assertNothingKept();
});

Deno.test("pullComponents discards a partial download of wrong bytes", async () => {
  await using scene = await Scene.open();
  const partial = scene.layout.partial(digestOf(module));
  Deno.mkdirSync(join(scene.layout.root, "partial"), { recursive: true });
  for (const left of [utf8("wrong"), new Uint8Array(module.length * 2), module]) {
    Deno.writeFileSync(partial, left);
    await scene.pull({ a: scene.url("/a.wasm") });
    scene.assertCached(module);
    Deno.removeSync(scene.wasm());
  }
});

const large = randomBytes(300_000);

Deno.test("pullComponents continues after a broken connection", async () => {
  await using scene = await Scene.open();
  scene.server.fail("/a.wasm", resetAfter(100_000), 1);
  await scene.pull({ a: scene.url("/a.wasm", large) });
  scene.assertCached(large);
  assert.match(scene.server.requests("/a.wasm")[1]!.headers.get("range")!, /^bytes=[1-9]\d*-$/);
});

Deno.test("pullComponents starts over if the server has no ranges", async () => {
  await using scene = await Scene.open();
  scene.server.ranges = false;
  scene.server.fail("/a.wasm", resetAfter(100_000), 1);
  await scene.pull({ a: scene.url("/a.wasm", large) });
  scene.assertCached(large);
});

Deno.test("pullComponents retries a failing server and follows redirects", async () => {
  await using scene = await Scene.open();
  scene.server.addFile("/there.wasm", module);
  scene.server.fail("GET /a.wasm", status(503), 2);
  scene.server.fail("GET /a.wasm", redirect(`http://${scene.server.host}`, "/there.wasm"));
  await scene.pull({ a: scene.url("/a.wasm") });
  scene.assertCached(module);
});

const URL_FAULTS: [string, Fault, ErrorCode, number][] = [
  ["is missing", status(404), "LDR_NOT_FOUND", 3],
  ["requires a login", status(401), "LDR_UNAUTHORIZED", 4],
  ["is forbidden", status(403), "LDR_FORBIDDEN", 4],
  ["is rate-limited", status(429), "LDR_RATE_LIMITED", 6],
  ["always fails", status(500), "LDR_SERVER_ERROR", 6],
  ["is a web page", html, "LDR_DIGEST_MISMATCH", 5],
  ["has other bytes", wrongBytes, "LDR_DIGEST_MISMATCH", 5],
];

for (const [name, fault, code, exitCode] of URL_FAULTS) {
  Deno.test(`pullComponents fails with ${code} for a URL that ${name}, and names the component`, async () => {
    await using scene = await Scene.open();
    scene.server.fail("/a.wasm", fault);
    await assertFails(
      scene.pull({ cart: scene.url("/a.wasm") }),
      code,
      exitCode,
      /^component "cart": /,
    );
    scene.assertNothingKept();
  });
}

Deno.test("pullComponents keeps a partial download when it is interrupted, and continues it", async () => {
  await using scene = await Scene.open();
  const gate = new Gate();
  scene.server.fail("/a.wasm", heldAfter(200_000, gate), 1);
  const stop = new AbortController();
  const source = scene.url("/a.wasm", large);
  const pulling = scene.pull({ a: source }, { signal: stop.signal });
  await gate.reachedBy(pulling);
  const partial = scene.layout.partial(digestOf(large));
  await until(() => Deno.statSync(partial).size > 0, pulling);
  stop.abort();
  await assertFails(pulling, "LDR_INTERRUPTED", 130, /interrupted/);
  gate.open();
  await scene.pull({ a: source });
  scene.assertCached(large);
  assert.match(scene.server.requests("/a.wasm").at(-1)!.headers.get("range")!, /^bytes=[1-9]/);
});

Deno.test("pullComponents rejects a bad manifest before any request", async () => {
  await using scene = await Scene.open();
  await assertFails(
    scene.pull({ a: scene.url("/a.wasm"), b: `{ url = "http://x.example/b.wasm" }` }),
    "LDR_BAD_SPIN_MANIFEST",
    2,
    /"b".*has no digest/,
  );
  assert.deepEqual(scene.server.requests(), []);
});

Deno.test("pullComponents fails with LDR_NOT_FOUND for a missing manifest", async () => {
  await using scene = await Scene.open();
  await assertFails(
    scene.pullManifest("/nowhere/spin.toml"),
    "LDR_NOT_FOUND",
    3,
    /\/nowhere\/spin/,
  );
});

Deno.test("pullComponents uses cached URLs offline and sends no request for others", async () => {
  await using scene = await Scene.open();
  const source = scene.url("/a.wasm");
  await assertFails(
    scene.pull({ a: source }, { offline: true }),
    "LDR_NOT_CACHED",
    3,
    /component "a": .*\/a\.wasm/,
  );
  assert.deepEqual(scene.server.requests(), []);
  await scene.pull({ a: source });
  await scene.pull({ a: source }, { offline: true });
  assert.equal(scene.server.requests().length, 1);
});

const packageSource = (registry: string, version = "1.2.3") =>
  `{ registry = "${registry}", package = "user:hello", version = "${version}" }`;

Deno.test("pullComponents fetches a package to wasm/ from the registry of its source", async () => {
  await using scene = await Scene.open();
  scene.server.add("user/hello", wasmArtifact(module), "1.2.3");
  const [result] = await scene.pull({ a: packageSource(scene.server.host) });
  scene.assertCached(module);
  assert.deepEqual(
    result?.modules.map(({ digest, size, outcome }) => ({ digest, size, outcome })),
    [{ digest: digestOf(module), size: module.length, outcome: "fetched" }],
  );
});

Deno.test("pullComponents uses a cached package offline", async () => {
  await using scene = await Scene.open();
  scene.server.add("user/hello", wasmArtifact(module), "1.2.3");
  await scene.pull({ a: packageSource(scene.server.host) });
  scene.server.clearLog();
  const [result] = await scene.pull({ a: packageSource(scene.server.host) }, { offline: true });
  assert.equal(result?.modules[0]?.outcome, "reused");
  assert.deepEqual(scene.server.requests(), []);
});

for (
  const [name, metadata] of [
    ["the current names", (registry: string) => ({
      preferredProtocol: "oci",
      oci: { registry, namespacePrefix: "prefix/deep/" },
    })],
    ["the old names", (registry: string) => ({
      ociRegistry: registry,
      ociNamespacePrefix: "prefix/deep/",
    })],
  ] as const
) {
  Deno.test(`pullComponents finds a package by the registry's metadata, with ${name}`, async () => {
    await using scene = await Scene.open();
    await using packages = await TestRegistry.start();
    packages.add("prefix/deep/user/hello", wasmArtifact(module), "1.2.3");
    scene.server.addFile(METADATA, utf8(JSON.stringify(metadata(packages.host))));
    await scene.pull({ a: packageSource(scene.server.host) });
    scene.assertCached(module);
  });
}

Deno.test("pullComponents fetches the metadata of a registry once", async () => {
  await using scene = await Scene.open();
  scene.server.add("user/hello", wasmArtifact(module), "1.2.3");
  scene.server.add("user/hello", wasmArtifact(wasmModule("old")), "1.0.0");
  const { host } = scene.server;
  await scene.pull({
    a: packageSource(host),
    b: packageSource(host, "1.0.0"),
    c: packageSource(host),
  });
  assert.equal(scene.server.requests(METADATA).length, 1);
});

Deno.test("pullComponents uses the user's configuration for a package without a registry", async () => {
  await using scene = await Scene.open();
  scene.server.add("user/hello", wasmArtifact(module), "1.2.3");
  scene.configure(`[namespace_registries]\nuser = "${scene.server.host}"\n`);
  await scene.pull({ a: '{ package = "user:hello", version = "1.2.3" }' });
  scene.assertCached(module);
});

Deno.test("pullComponents uses metadata in the user's configuration without a request", async () => {
  await using scene = await Scene.open();
  scene.server.add("p/user/hello", wasmArtifact(module), "1.2.3");
  scene.configure(`
    [package_registry_overrides."user:hello"]
    registry = "mine.example"
    metadata = { oci = { registry = "${scene.server.host}", namespacePrefix = "p/" } }
  `);
  await scene.pull({ a: '{ package = "user:hello", version = "1.2.3" }' });
  scene.assertCached(module);
  assert.deepEqual(scene.server.requests(METADATA), []);
});

Deno.test("pullComponents fails with LDR_CONFIG if no registry is configured", async () => {
  await using scene = await Scene.open();
  await assertFails(
    scene.pull({ a: '{ package = "user:hello", version = "1.2.3" }' }),
    "LDR_CONFIG",
    2,
    /component "a": no registry is known for the package user:hello/,
  );
});

Deno.test("pullComponents fails with LDR_NOT_FOUND for a missing version", async () => {
  await using scene = await Scene.open();
  scene.server.add("user/hello", wasmArtifact(module), "1.2.3");
  await assertFails(
    scene.pull({ a: packageSource(scene.server.host, "9.9.9") }),
    "LDR_NOT_FOUND",
    3,
    /component "a": .*user\/hello:9\.9\.9/,
  );
});

Deno.test("pullComponents fails with LDR_BAD_MANIFEST for an image without Wasm", async () => {
  await using scene = await Scene.open();
  scene.server.add("user/hello", image(["a layer"]), "1.2.3");
  await assertFails(
    scene.pull({ a: packageSource(scene.server.host) }),
    "LDR_BAD_MANIFEST",
    1,
    /user\/hello:1\.2\.3 contains no Wasm/,
  );
});

Deno.test("pullComponents fails with LDR_SERVER_ERROR if the metadata cannot be fetched", async () => {
  await using scene = await Scene.open();
  scene.server.add("user/hello", wasmArtifact(module), "1.2.3");
  scene.server.fail(METADATA, status(503));
  await assertFails(
    scene.pull({ a: packageSource(scene.server.host) }),
    "LDR_SERVER_ERROR",
    6,
    /package metadata/,
  );
});
