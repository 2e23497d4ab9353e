import assert from "node:assert/strict";
import { gunzipSync, gzipSync } from "node:zlib";
import { failureOf } from "../../../support/failure_of.ts";
import { debianMirror, encode, hex, sha256 } from "../../../support/packages/debian_mirror.ts";
import { FileServer } from "../../../support/registry/file_server.ts";
import { SigningKey } from "../../../support/packages/signing_key.ts";
import { TestLists } from "../../../support/packages/test_lists.ts";

const IN_RELEASE = "dists/stable/InRelease";
const PACKAGES_GZ = "dists/stable/main/binary-amd64/Packages.gz";

Deno.test("resolvePackages resolves a package of a signed Debian repository", async () => {
  const key = await SigningKey.create();
  const files = await debianMirror({ key, packages: [{ name: "hello", version: "1:2.10-3" }] });
  await using server = await FileServer.start(files);
  using lists = new TestLists();
  const keyring = lists.write("keys", key.armored);
  const requests = await lists.resolve(server.url(IN_RELEASE), ["hello"], { keyring });
  const path = "pool/main/h/hello/hello_2.10-3_amd64.deb";
  const bytes = files.get(path)!;
  assert.deepEqual(requests, [{
    id: {
      source: new URL(server.url()).host,
      name: "hello",
      version: "1:2.10-3",
      arch: "amd64",
    },
    urls: [server.url(path)],
    fileName: "hello_2.10-3_amd64.deb",
    digest: sha256(bytes),
    size: bytes.length,
    vouchedBy: sha256(files.get(IN_RELEASE)!),
  }]);
  assert.deepEqual(lists.notes, []);
  assert.match(server.requested[1]!, /by-hash\/SHA256/);
});

Deno.test("resolvePackages chooses the highest version, and by version and architecture", async () => {
  const files = await debianMirror({
    packages: [
      { name: "tool", version: "1.9-1" },
      { name: "tool", version: "1.10-1" },
      { name: "tool", version: "1.10~rc1-1" },
      { name: "tool", version: "2.0-1", arch: "i386" },
      { name: "data", version: "3", arch: "all" },
    ],
  });
  await using server = await FileServer.start(files);
  using lists = new TestLists();
  const chosen = async (...wanted: string[]) =>
    (await lists.resolve(server.url(IN_RELEASE), wanted))
      .map(({ id }) => `${id.name} ${id.version} ${id.arch}`);
  assert.deepEqual(await chosen("tool"), ["tool 1.10-1 amd64"]);
  assert.deepEqual(await chosen("data", "tool"), ["data 3 all", "tool 1.10-1 amd64"]);
  assert.deepEqual(await chosen("tool=1.9-1"), ["tool 1.9-1 amd64"]);
  assert.deepEqual(await chosen("tool:amd64", "data:all"), ["tool 1.10-1 amd64", "data 3 all"]);
  assert.deepEqual(await chosen("tool:amd64=1.10~rc1-1"), ["tool 1.10~rc1-1 amd64"]);
  assert.deepEqual(await chosen("tool", "tool=1.10-1"), ["tool 1.10-1 amd64"]);
});

Deno.test("resolvePackages names near names, and the versions that there are", async () => {
  const files = await debianMirror({ packages: [{ name: "hello" }, { name: "bash" }] });
  await using server = await FileServer.start(files);
  using lists = new TestLists();
  const failure = (...wanted: string[]) => failureOf(lists.resolve(server.url(IN_RELEASE), wanted));
  const near = await failure("helo", "bash");
  assert.deepEqual([near.code, near.hint], [
    "LDR_NOT_FOUND",
    "instead of helo, did you mean hello?",
  ]);
  assert.match(near.message, /^no package helo in http/);
  assert.equal((await failure("bash=2")).hint, "of bash there is 1.0-1 for amd64");
  assert.equal((await failure("quux")).hint, "check the names");
});

Deno.test("resolvePackages reads the indexes of all components and of stated architectures", async () => {
  const main = await debianMirror({ fields: { Components: "main contrib" } });
  const contrib = await debianMirror({ component: "contrib", packages: [{ name: "extra" }] });
  const foreign = await debianMirror({
    arch: "arm64",
    packages: [{ name: "hello", arch: "arm64" }],
  });
  const all = await debianMirror({ arch: "all", packages: [{ name: "doc", arch: "all" }] });
  const files = new Map([...main, ...contrib, ...foreign, ...all]);
  const release = [main, contrib, foreign, all].map((each) =>
    new TextDecoder().decode(each.get(IN_RELEASE))
  );
  const entries = release.flatMap((text) =>
    text.slice(text.indexOf("SHA256:")).split("\n").slice(1)
  );
  const head = release[0]!.slice(0, release[0]!.indexOf("MD5Sum:"))
    .replace("Architectures: amd64", "Architectures: all amd64 arm64");
  files.set(IN_RELEASE, encode(`${head}SHA256:\n${entries.filter(Boolean).join("\n")}\n`));
  await using server = await FileServer.start(files);
  using lists = new TestLists();
  const wanted = ["hello", "extra", "hello:arm64", "doc"];
  const requests = await lists.resolve(server.url(IN_RELEASE), wanted);
  assert.deepEqual(
    requests.map(({ id }) => `${id.name} ${id.arch}`),
    ["hello amd64", "extra amd64", "hello arm64", "doc all"],
  );
});

Deno.test("resolvePackages reads Release with Release.gpg if there is no InRelease", async () => {
  const key = await SigningKey.create();
  const files = await debianMirror({ key });
  files.delete(IN_RELEASE);
  await using server = await FileServer.start(files);
  using lists = new TestLists();
  const keyring = lists.write("keys", key.binary);
  const url = server.url("dists/stable/Release");
  const [request] = await lists.resolve(url, ["hello"], { keyring });
  assert.equal(request!.vouchedBy, sha256(files.get("dists/stable/Release")!));
  const list = lists.write(
    "list.yaml",
    `repositories: [{deb: "${server.url()}", suite: stable, keyring: keys, packages: [hello]}]`,
  );
  assert.deepEqual(await lists.resolve(list), [request]);
  server.remove("/dists/stable/Release.gpg");
  const failure = await failureOf(lists.resolve(url, ["hello"], { keyring }));
  assert.equal(failure.code, "LDR_UNVERIFIED");
  assert.match(failure.message, /there is no signature Release\.gpg beside it/);
});

Deno.test("resolvePackages takes an index in another compression if the mirror lacks the best one", async () => {
  const files = await debianMirror();
  const plain = gunzipSync(files.get(PACKAGES_GZ)!);
  for (const path of files.keys()) if (/Packages|by-hash/.test(path)) files.delete(path);
  await using server = await FileServer.start(files);
  using lists = new TestLists();
  const resolve = (options = {}) => lists.resolve(server.url(IN_RELEASE), ["hello"], options);
  const neither = await failureOf(resolve());
  assert.equal(neither.code, "LDR_DIGEST_MISMATCH");
  assert.match(neither.message, /Packages\.gz is not the one that .* names/);
  server.serve(new Map([...files, [PACKAGES_GZ.replace(".gz", ""), plain]]));
  assert.equal((await resolve()).length, 1);
  assert.deepEqual(await resolve({ offline: true }), await resolve());
});

Deno.test("resolvePackages says that it checked no signature without a keyring", async () => {
  const key = await SigningKey.create();
  await using server = await FileServer.start(await debianMirror({ key }));
  using lists = new TestLists();
  assert.equal((await lists.resolve(server.url(IN_RELEASE), ["hello"])).length, 1);
  assert.equal(lists.notes.length, 1);
  assert.match(lists.notes[0]!, /the signature of http.*InRelease was not checked/);
});

Deno.test("resolvePackages refuses an index signed by another key, an altered one, one that is not signed", async () => {
  const [trusted, other] = await Promise.all([SigningKey.create(), SigningKey.create()]);
  await using server = await FileServer.start();
  using lists = new TestLists();
  const keyring = lists.write("keys", trusted.armored);
  const signed = await debianMirror({ key: trusted });
  const altered = new TextDecoder().decode(signed.get(IN_RELEASE)).replace(
    "Origin: Test",
    "Origin: Evil",
  );
  const cases = {
    "another key": await debianMirror({ key: other }),
    altered: new Map([...signed, [IN_RELEASE, encode(altered)]]),
    "not signed": await debianMirror(),
  };
  for (const [name, files] of Object.entries(cases)) {
    server.serve(files);
    const failure = await failureOf(lists.resolve(server.url(IN_RELEASE), ["hello"], { keyring }));
    assert.deepEqual([failure.code, failure.exitCode], ["LDR_UNVERIFIED", 5], name);
  }
});

Deno.test("resolvePackages refuses an expired index, and says how to accept it", async () => {
  await using server = await FileServer.start(
    await debianMirror({ fields: { "Valid-Until": "Fri, 30 Jan 2026 00:00:00 UTC" } }),
  );
  using lists = new TestLists();
  const failure = await failureOf(lists.resolve(server.url(IN_RELEASE), ["hello"]));
  assert.deepEqual([failure.code, failure.exitCode], ["LDR_EXPIRED", 5]);
  assert.match(failure.message, /expired on Fri, 30 Jan 2026 00:00:00 GMT/);
  assert.match(failure.hint, /check_valid_until: false/);
  const list = lists.write(
    "list.yaml",
    `repositories:\n  - deb: ${server.url()}\n    suite: stable\n    check_valid_until: false\n    packages: [hello]\n`,
  );
  assert.equal((await lists.resolve(list)).length, 1);
  assert.match(lists.notes.at(-1)!, /expired on/);
});

Deno.test("resolvePackages refuses digests that are only MD5 or SHA1", async () => {
  await using server = await FileServer.start(await debianMirror({ digests: ["MD5Sum", "SHA1"] }));
  using lists = new TestLists();
  const failure = await failureOf(lists.resolve(server.url(IN_RELEASE), ["hello"]));
  assert.equal(failure.code, "LDR_UNVERIFIED");
  assert.match(failure.message, /only MD5 or SHA1/);
  server.serve(await debianMirror({ digests: ["SHA512"] }));
  assert.equal((await lists.resolve(server.url(IN_RELEASE), ["hello"])).length, 1);
  server.serve(
    await debianMirror({
      index: `Package: hello\nVersion: 1\nArchitecture: amd64\nFilename: x.deb\nSize: 1\nMD5sum: ${
        hex("md5", encode("x"))
      }\n`,
    }),
  );
  const weak = await failureOf(lists.resolve(server.url(IN_RELEASE), ["hello"]));
  assert.match(weak.message, /hello has no SHA256 or SHA512 digest/);
});

Deno.test("resolvePackages refuses an index of another snapshot than its InRelease", async () => {
  const files = await debianMirror({ fields: { "Acquire-By-Hash": "no" } });
  const newer = await debianMirror({ packages: [{ name: "hello", version: "2" }] });
  files.set(PACKAGES_GZ, newer.get(PACKAGES_GZ)!);
  await using server = await FileServer.start(files);
  using lists = new TestLists();
  const failure = await failureOf(lists.resolve(server.url(IN_RELEASE), ["hello"]));
  assert.deepEqual([failure.code, failure.exitCode], ["LDR_DIGEST_MISMATCH", 5]);
  assert.match(failure.message, /Packages\.gz is not the one that .*InRelease names/);
  server.remove(`/${PACKAGES_GZ}`);
  assert.equal(server.requested.filter((path) => path === IN_RELEASE).length, 2);
  files.delete(PACKAGES_GZ);
  const missing = await failureOf(lists.resolve(server.url(IN_RELEASE), ["hello"]));
  assert.equal(missing.code, "LDR_DIGEST_MISMATCH");
});

Deno.test("resolvePackages succeeds if the mirror was updated between InRelease and its index", async () => {
  const older = await debianMirror({ fields: { "Acquire-By-Hash": "no" } });
  const newer = await debianMirror({
    fields: { "Acquire-By-Hash": "no" },
    packages: [{ name: "hello", version: "2" }],
  });
  await using server = await FileServer.start(
    new Map([...newer, [IN_RELEASE, older.get(IN_RELEASE)!]]),
  );
  server.guard = ({ path }) => {
    if (path.endsWith("Packages.gz")) server.serve(newer);
    return undefined;
  };
  using lists = new TestLists();
  const [request] = await lists.resolve(server.url(IN_RELEASE), ["hello"]);
  assert.equal(request!.id.version, "2");
});

Deno.test("resolvePackages refuses a truncated index, a damaged one, and one that expands without end", async () => {
  await using server = await FileServer.start();
  using lists = new TestLists();
  const whole = gzipSync(encode("Package: hello\n".repeat(1000)));
  const damaged = whole.slice();
  damaged[20]! ^= 0xff;
  const cases: [string, Uint8Array, RegExp][] = [
    ["truncated", whole.subarray(0, whole.length - 20), /cannot be decompressed/],
    ["damaged", damaged, /cannot be decompressed/],
    ["not gzip", encode("Package: hello\n"), /cannot be decompressed/],
    ["one endless line", gzipSync(new Uint8Array(8 * 1024 * 1024).fill(0x61)), /longer than/],
  ];
  for (const [name, compressed, expected] of cases) {
    server.serve(await debianMirror({ compressed }));
    const failure = await failureOf(lists.resolve(server.url(IN_RELEASE), ["hello"]));
    assert.equal(failure.code, "LDR_BAD_INDEX", name);
    assert.match(failure.message, expected, name);
  }
});

Deno.test("resolvePackages refuses paths of packages that lead out of the repository", async () => {
  await using server = await FileServer.start();
  using lists = new TestLists();
  const paths = [
    "../../x.deb",
    "pool/../../../x.deb",
    "/etc/passwd",
    "//evil.example/x.deb",
    "http://evil.example/x.deb",
    "file:///etc/passwd",
    "pool\\..\\x.deb",
    ".",
  ];
  for (const path of paths) {
    server.serve(await debianMirror({ packages: [{ name: "hello", path }] }));
    const failure = await failureOf(lists.resolve(server.url(IN_RELEASE), ["hello"]));
    assert.equal(failure.code, "LDR_BAD_INDEX", path);
    assert.match(failure.message, /leads out of the repository/, path);
  }
  // What is encoded is a file name, and not a way out.
  server.serve(
    await debianMirror({
      packages: [{ name: "hello", path: "pool/%2e%2e/a b+c~1.deb" }],
    }),
  );
  const [request] = await lists.resolve(server.url(IN_RELEASE), ["hello"]);
  assert.equal(request!.urls[0], server.url("pool/%252e%252e/a%20b%2Bc~1.deb"));
  assert.equal(request!.fileName, "a b+c~1.deb");
});

Deno.test("resolvePackages refuses an index with fields that are missing or wrong", async () => {
  await using server = await FileServer.start();
  using lists = new TestLists();
  const digest = hex("sha256", encode("x"));
  const stanza = (fields: Record<string, string | undefined>) =>
    Object.entries({
      Package: "hello",
      Version: "1",
      Architecture: "amd64",
      Filename: "x.deb",
      Size: "1",
      SHA256: digest,
      ...fields,
    }).flatMap(([name, value]) => value === undefined ? [] : `${name}: ${value}\n`).join("");
  const cases: [string, RegExp][] = [
    [stanza({ Version: undefined }), /hello has no Version/],
    [stanza({ Filename: undefined }), /hello has no Filename/],
    [stanza({ Size: "many" }), /hello has the Size many/],
    [stanza({ SHA256: "abc" }), /hello has the SHA256 abc/],
    ["Version: 1\n", /a package without a name/],
  ];
  for (const [index, expected] of cases) {
    server.serve(await debianMirror({ index }));
    const failure = await failureOf(lists.resolve(server.url(IN_RELEASE), ["hello"]));
    assert.deepEqual(
      [failure.code, expected.test(failure.message)],
      ["LDR_BAD_INDEX", true],
      failure.message,
    );
  }
  server.serve(await debianMirror({ fields: { "Valid-Until": "soon" } }));
  const failure = await failureOf(lists.resolve(server.url(IN_RELEASE), ["hello"]));
  assert.match(failure.message, /Valid-Until: soon is not a date/);
});

Deno.test("resolvePackages says which components and architectures a repository has", async () => {
  await using server = await FileServer.start(await debianMirror());
  using lists = new TestLists();
  const failure = await failureOf(
    lists.resolve(server.url(IN_RELEASE), ["hello"], { arch: "s390x" }),
  );
  assert.equal(failure.code, "LDR_NOT_FOUND");
  assert.match(failure.hint, /components main and the architectures amd64/);
});

Deno.test("resolvePackages resolves a flat repository, and an index that is named itself", async () => {
  const index =
    `Package: hello\nVersion: 1\nArchitecture: amd64\nFilename: ./hello_1_amd64.deb\nSize: 1\nSHA256: ${
      hex("sha256", encode("x"))
    }\n`;
  const release = `SHA256:\n ${hex("sha256", encode(index))} ${index.length} Packages\n`;
  await using server = await FileServer.start(
    new Map([["repo/Packages", encode(index)], ["repo/Release", encode(release)]]),
  );
  using lists = new TestLists();
  const list = lists.write(
    "list.yaml",
    `repositories: [{deb: "${server.url("repo")}", suite: ./, packages: [hello]}]`,
  );
  for (const source of [server.url("repo/Release"), server.url("repo/Packages"), list]) {
    const names = source === list ? [] : ["hello"];
    const [request] = await lists.resolve(source, names);
    assert.deepEqual(request!.urls, [server.url("repo/hello_1_amd64.deb")], source);
    assert.equal(request!.vouchedBy !== undefined, true);
  }
  assert.ok(lists.notes.some((note) => /Packages is not signed/.test(note)));
});

Deno.test("resolvePackages notes a repository of another suite than the one that is named", async () => {
  const files = await debianMirror({ suite: "testing" });
  const moved = new Map(
    [...files].map(([path, bytes]) => [path.replace("testing", "stable"), bytes]),
  );
  await using server = await FileServer.start(moved);
  using lists = new TestLists();
  const list = lists.write(
    "list.yaml",
    `repositories: [{deb: "${server.url()}", suite: stable, packages: [hello]}]`,
  );
  await lists.resolve(list);
  assert.ok(lists.notes.some((note) => /is of the suite testing-codename, not stable/.test(note)));
});
