import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type Artifact,
  blob,
  image,
  manifestOf,
  MEDIA_TYPES,
  multiPlatform,
  sha512Blob,
  wasmArtifact,
  wasmModule,
} from "../../support/cache/artifacts.ts";
import { spinApp } from "../../support/cache/spin_apps.ts";
import { takeSnapshot } from "../../../src/snapshot/snapshot.ts";
import { assertStoreSound } from "../../support/cache/store_check.ts";
import { push } from "../../support/registry/push.ts";
import { TestService } from "../../support/registry/test_service.ts";

const APP = image(["one", "two"]);

function put(
  service: TestService,
  target: string,
  { bytes, descriptor }: Pick<Artifact, "bytes" | "descriptor">,
): Promise<Response> {
  const headers = { "content-type": descriptor.mediaType };
  return service.request(target, { method: "PUT", body: bytes as BodyInit, headers });
}

async function refused(service: TestService, target: string, artifact: Artifact): Promise<string> {
  const response = await put(service, target, artifact);
  const { errors } = await response.json();
  return `${response.status} ${errors[0].code}`;
}

Deno.test("what was pushed is served by tag and digest, in its bytes, also by the next server", async () => {
  await using service = await TestService.start();
  const artifacts: [string, Artifact][] = [
    ["image", APP],
    ["docker", image(["one"], { docker: true })],
    ["index", multiPlatform("linux/amd64", "linux/arm64")],
    ["wasm", wasmArtifact(wasmModule("push"))],
    ["sha512", image([sha512Blob("long")])],
    ["empty", image([blob(new Uint8Array())])],
    ["spin", await spinApp({ files: { "a.txt": "one" }, archived: { "b.txt": "two" } })],
  ];
  for (const [name, artifact] of artifacts) {
    await push(service.url, `local/${name}`, artifact, "v1");
  }
  await service.stop();
  await using next = service.another({ offline: true });
  for (const [name, artifact] of artifacts) {
    const { digest, mediaType } = artifact.descriptor;
    for (const target of ["v1", digest]) {
      const path = `local/${name}/manifests/${target}`;
      assert.deepEqual(await next.bytes(path), artifact.bytes, path);
      const headers = await next.head(path);
      assert.equal(headers.get("content-type"), mediaType);
      assert.equal(headers.get("docker-content-digest"), digest);
    }
    for (const each of [artifact, ...artifact.children].flatMap(({ blobs }) => blobs)) {
      const path = `local/${name}/blobs/${each.descriptor.digest}`;
      assert.deepEqual(await next.bytes(path), each.bytes, path);
    }
  }
  await next.stop();
  assertStoreSound(next.layout.root);
});

Deno.test("tags and repositories may have the names of files and of each other", async () => {
  await using service = await TestService.start();
  const repositories = [
    "local/a",
    "local/a/b",
    "local/a/b/manifest.json",
    "local/a/b/config.json/b",
  ];
  const tags = ["b", "manifest.json", "record.json.tmp", "pin.json"];
  const names = repositories.flatMap((name) => tags.map((tag) => [name, tag] as const));
  const artifactOf = (name: string, tag: string) => image([`${name}:${tag}`]);
  for (const [name, tag] of names) await push(service.url, name, artifactOf(name, tag), tag);
  const json = async (path: string) =>
    JSON.parse(new TextDecoder().decode(await service.bytes(path)));
  assert.deepEqual((await json("_catalog")).repositories, repositories.toSorted());
  for (const name of repositories) {
    assert.deepEqual((await json(`${name}/tags/list`)).tags, tags.toSorted());
  }
  const { entries, foreign, rubbish } = await takeSnapshot(service.layout, Date.now());
  const listed = names.map(([name, tag]) => `${name}:${tag}`).toSorted();
  assert.deepEqual(entries.map(({ name }) => name).toSorted(), listed);
  assert.deepEqual([foreign, rubbish], [[], []]);
  for (const [name, tag] of names.splice(0, 5)) {
    await service.bytes(`${name}/manifests/${tag}`, 202, { method: "DELETE" });
    assert.equal(await service.error(`${name}/manifests/${tag}`), "404 MANIFEST_UNKNOWN");
  }
  for (const [name, tag] of names) {
    assert.deepEqual(await service.bytes(`${name}/manifests/${tag}`), artifactOf(name, tag).bytes);
  }
});

Deno.test("the last push of a tag counts, and the tags are listed in pages", async () => {
  await using service = await TestService.start();
  for (const tag of ["b", "a", "c"]) await push(service.url, "local/app", APP, tag);
  const other = image(["other"]);
  await push(service.url, "local/app", other, "a");
  assert.deepEqual(await service.bytes("local/app/manifests/a"), other.bytes);
  assert.deepEqual(await service.bytes("local/app/manifests/b"), APP.bytes);
  const list = async (query: string) => {
    const response = await service.request(`local/app/tags/list${query}`);
    return [await response.json(), response.headers.get("link")];
  };
  assert.deepEqual(await list(""), [{ name: "local/app", tags: ["a", "b", "c"] }, null]);
  assert.deepEqual(await list("?n=2"), [
    { name: "local/app", tags: ["a", "b"] },
    '</v2/local/app/tags/list?n=2&last=b>; rel="next"',
  ]);
  assert.deepEqual(await list("?last=b"), [{ name: "local/app", tags: ["c"] }, null]);
  assert.equal(await service.error("local/none/tags/list"), "404 NAME_UNKNOWN");
  const { repositories } = await (await service.request("_catalog")).json();
  assert.deepEqual(repositories, ["local/app"]);
});

Deno.test("a manifest is refused unless everything that it refers to was pushed to its repository", async () => {
  await using service = await TestService.start();
  service.registry.add("secret", APP, "v1");
  await service.bytes("secret/manifests/v1");
  for (const { descriptor } of APP.blobs) await service.bytes(`secret/blobs/${descriptor.digest}`);
  await push(service.url, "local/other", APP, "v1");
  assert.equal(await refused(service, "local/app/manifests/v1", APP), "404 MANIFEST_BLOB_UNKNOWN");
  assert.equal(await service.error("local/app/manifests/v1"), "404 MANIFEST_UNKNOWN");
  const index = multiPlatform("linux/amd64", "linux/arm64");
  await push(service.url, "local/app", index.children[0]!);
  const unknown = await refused(service, "local/app/manifests/v1", index);
  assert.equal(unknown, "404 MANIFEST_BLOB_UNKNOWN");
  assert.equal(await service.error("local/app/manifests/v1"), "404 MANIFEST_UNKNOWN");
  await push(service.url, "local/app", index.children[1]!);
  assert.equal((await put(service, "local/app/manifests/v1", index)).status, 201);
});

Deno.test("a manifest that is malformed, or has another digest or sizes, is refused", async () => {
  await using service = await TestService.start();
  await push(service.url, "local/app", APP, "v1");
  const target = "local/app/manifests/v2";
  const wrongSize = (size: number) => {
    const { config, layers, ...rest } = JSON.parse(new TextDecoder().decode(APP.bytes));
    const wrong = [{ ...layers[0], size }, layers[1]];
    return manifestOf({ ...rest, config, layers: wrong }, APP.descriptor.mediaType);
  };
  const ofType = (document: unknown, type: string = MEDIA_TYPES.ociManifest) =>
    manifestOf(document, type);
  const cases: [string, Artifact, string][] = [
    [target, wrongSize(2), "400 SIZE_INVALID"],
    [target, wrongSize(-1), "400 MANIFEST_INVALID"],
    [target, ofType("text"), "400 MANIFEST_INVALID"],
    [target, ofType({}), "400 MANIFEST_INVALID"],
    [target, ofType({ schemaVersion: 1 }), "400 MANIFEST_INVALID"],
    [
      target,
      { ...APP, descriptor: ofType({}, MEDIA_TYPES.ociIndex).descriptor },
      "400 MANIFEST_INVALID",
    ],
    [target, { ...APP, bytes: new Uint8Array(4 * 1024 * 1024 + 1) }, "413 MANIFEST_INVALID"],
    [`local/app/manifests/${blob("x").descriptor.digest}`, APP, "400 DIGEST_INVALID"],
    ["local/app/manifests/sha256:1", APP, "400 DIGEST_INVALID"],
    ["local/app/manifests/.v2", APP, "404 MANIFEST_UNKNOWN"],
    [`local/app/manifests/${APP.descriptor.digest}?tag=-`, APP, "400 MANIFEST_INVALID"],
  ];
  for (const [path, artifact, expected] of cases) {
    assert.equal(await refused(service, path, artifact), expected, path);
  }
  assert.equal(await service.error(target), "404 MANIFEST_UNKNOWN");
});

Deno.test("a manifest that is pushed by digest gets the tags that the request names", async () => {
  await using service = await TestService.start();
  await push(service.url, "local/app", APP, "v1");
  const { digest } = APP.descriptor;
  const response = await put(service, `local/app/manifests/${digest}?tag=v2&tag=v3`, APP);
  assert.equal(response.headers.get("oci-tag"), "v2, v3");
  assert.deepEqual(await service.bytes("local/app/manifests/v3"), APP.bytes);
});

Deno.test("referrers are listed by subject and type, whether the subject is there or not", async () => {
  await using service = await TestService.start();
  const subject = APP.descriptor;
  const referrer = (artifactType: string | undefined, note: string) => {
    const config = blob("{}", "application/vnd.oci.empty.v1+json");
    const layer = blob(note, "text/plain");
    const document = {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      artifactType,
      config: config.descriptor,
      layers: [layer.descriptor],
      subject,
      annotations: { note },
    };
    return manifestOf(document, MEDIA_TYPES.ociManifest, { blobs: [config, layer] });
  };
  const list = async (query = "") => {
    const response = await service.request(`local/app/referrers/${subject.digest}${query}`);
    assert.equal(response.headers.get("content-type"), MEDIA_TYPES.ociIndex);
    const { manifests } = await response.json();
    return manifests.map(({ artifactType, annotations }: Record<string, { note: string }>) =>
      `${artifactType} ${annotations?.note}`
    ).sort();
  };
  assert.deepEqual(await list(), []);
  const sbom = referrer("application/x.sbom", "sbom");
  await push(service.url, "local/app", sbom);
  const other = referrer(undefined, "other");
  for (const { descriptor, bytes } of other.blobs) {
    const path = `local/app/blobs/uploads/?digest=${descriptor.digest}`;
    await service.bytes(path, 201, { method: "POST", body: bytes as BodyInit });
  }
  const response = await put(service, "local/app/manifests/signed", other);
  assert.equal(response.headers.get("oci-subject"), subject.digest);
  const types = ["application/vnd.oci.empty.v1+json other", "application/x.sbom sbom"];
  assert.deepEqual(await list(), types);
  assert.deepEqual(await list("?artifactType=application/x.sbom"), [types[1]]);
  const deleted = { method: "DELETE" };
  await service.bytes(`local/app/manifests/${sbom.descriptor.digest}`, 202, deleted);
  assert.deepEqual(await list(), [types[0]]);
});

Deno.test("a tag and an index keep manifests that were pushed by digest, which then have no entries", async () => {
  await using service = await TestService.start();
  const index = multiPlatform("linux/amd64", "linux/arm64");
  await push(service.url, "local/app", index);
  await push(service.url, "local/app", index, "v1");
  const folder = join(service.layout.manifests, "local", "app");
  const records = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => {
    try {
      return Deno.statSync(join(folder, name, "record.json")).isFile;
    } catch {
      return false;
    }
  });
  assert.deepEqual(records, ["v1"]);
});

Deno.test("two pushes of one tag at the same time leave one of them whole", async () => {
  await using service = await TestService.start();
  const artifacts = ["a", "b", "c"].map((text) => image([text, "shared"]));
  await Promise.all(artifacts.map((artifact) => push(service.url, "local/app", artifact, "v1")));
  const digest = (await service.head("local/app/manifests/v1")).get("docker-content-digest");
  assert.ok(artifacts.some(({ descriptor }) => descriptor.digest === digest));
  await service.stop();
  assertStoreSound(service.layout.root);
});

Deno.test("an index is refused if it nests deeper than is read, or states other sizes", async () => {
  await using service = await TestService.start();
  const above = (child: Artifact, size = child.descriptor.size) => {
    const manifests = [{ ...child.descriptor, size }];
    const document = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests };
    return manifestOf(document, MEDIA_TYPES.ociIndex);
  };
  await push(service.url, "local/app", APP);
  assert.equal(await refused(service, "local/app/manifests/v1", above(APP, 1)), "400 SIZE_INVALID");
  let top: Artifact = APP;
  for (let depth = 1; depth <= 4; depth++) {
    top = above(top);
    await push(service.url, "local/app", top);
  }
  assert.equal(
    await refused(service, "local/app/manifests/v1", above(top)),
    "400 MANIFEST_INVALID",
  );
});
