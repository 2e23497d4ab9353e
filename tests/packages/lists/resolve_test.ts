import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { failureOf } from "../../support/failure_of.ts";
import { debianMirror, encode, sha256 } from "../../support/packages/debian_mirror.ts";
import { resetAfter, withHeader } from "../../support/registry/faults.ts";
import { FileServer } from "../../support/registry/file_server.ts";
import { rpmMirror } from "../../support/packages/rpm_mirror.ts";
import { SigningKey } from "../../support/packages/signing_key.ts";
import { TestLists } from "../../support/packages/test_lists.ts";

/** A server with a Debian repository in `deb` and an rpm one in `rpm`. */
async function repositories(key?: SigningKey): Promise<Map<string, Uint8Array>> {
  const below = (folder: string, files: Map<string, Uint8Array>) =>
    [...files].map(([path, bytes]) => [`${folder}/${path}`, bytes] as const);
  return new Map([
    ...below("deb", await debianMirror({ key })),
    ...below("rpm", await rpmMirror({ key, packages: [{ name: "world" }] })),
  ]);
}

Deno.test("resolvePackages returns all packages of a list, or those of it that are wanted", async () => {
  await using server = await FileServer.start(await repositories());
  using lists = new TestLists();
  const digest = `sha256:${"1".repeat(64)}`;
  const list = lists.write(
    "list.yaml",
    `packages:
  - ${server.url("tool_1.0_amd64.deb")}
  - {url: "${server.url("x.bin")}", digest: "${digest}", name: x, version: 1.10}
repositories:
  - {deb: "${server.url("deb")}", suite: stable, packages: [hello]}
  - {rpm: "${server.url("rpm")}", arch: x86_64, packages: [world]}
`,
  );
  const names = async (...wanted: string[]) =>
    (await lists.resolve(list, wanted)).map(({ id }) => `${id.name} ${id.version}`);
  assert.deepEqual(await names(), ["tool 1.0", "x 1.10", "hello 1.0-1", "world 1.0-1"]);
  assert.deepEqual(await names("world", "x=1.10"), ["x 1.10", "world 1.0-1"]);
  const [, known, hello] = await lists.resolve(list);
  assert.equal(known!.digest, digest);
  assert.equal(known!.vouchedBy, undefined);
  assert.match(hello!.vouchedBy!, /^sha256:/);
  const failure = await failureOf(lists.resolve(list, ["wold"]));
  assert.deepEqual([failure.code, failure.hint], [
    "LDR_NOT_FOUND",
    "instead of wold, did you mean world or tool?",
  ]);
});

Deno.test("resolvePackages asks for the index of a repository whose folder is named", async () => {
  using lists = new TestLists();
  for (const folder of ["http://mirror.test/repo/", lists.path]) {
    const { code, message, hint } = await failureOf(lists.resolve(folder, ["a"]));
    assert.equal(code, "LDR_USAGE");
    assert.match(message, /is a folder, neither a list nor an index/);
    assert(hint.includes(`${folder.replace(/\/$/, "")}/repodata/repomd.xml`), hint);
  }
});

Deno.test("resolvePackages asks for an index where a server or a file has a page in place of a list", async () => {
  using lists = new TestLists();
  for (const page of ["<!DOCTYPE html>", "\n  <html>", '<?xml version="1.0"?>']) {
    const path = lists.write("repo", page);
    const { code, message, hint } = await failureOf(lists.resolve(path, ["a"]));
    assert.equal(code, "LDR_USAGE");
    assert.match(message, /repo is a page, neither a list nor an index/);
    assert(hint.includes("/repo/repodata/repomd.xml"), hint);
  }
});

Deno.test("resolvePackages reads a list, a mirror and packages on the disk", async () => {
  const key = await SigningKey.create();
  using lists = new TestLists();
  const files = await debianMirror({ key });
  const mirror = lists.writeAll("mirror", files);
  lists.write("keys", key.armored);
  const deb = lists.write("local_2_all.deb", "content");
  const list = lists.write(
    "list.yaml",
    "packages: [local_2_all.deb]\nrepositories: [{deb: mirror, suite: stable, keyring: keys, packages: [hello]}]\n",
  );
  const [local, hello] = await lists.resolve(list);
  assert.deepEqual(local!.urls, [pathToFileURL(deb).href]);
  assert.equal(local!.digest, sha256(encode("content")));
  const path = "pool/main/h/hello/hello_1.0-1_amd64.deb";
  assert.deepEqual(hello!.urls, [pathToFileURL(join(mirror, path)).href]);
  const direct = await lists.resolve(join(mirror, "dists/stable/InRelease"), ["hello"], {
    keyring: join(lists.path, "keys"),
  });
  assert.deepEqual(direct, [hello]);
  const unused = await failureOf(lists.resolve(list, [], { keyring: join(lists.path, "gone") }));
  assert.match(unused.message, /names no repository that --keyring could check/);
  const index = join(mirror, "dists/stable/main/binary-amd64/Packages.gz");
  Deno.writeFileSync(index, encode("other"));
  assert.equal((await failureOf(lists.resolve(list))).code, "LDR_DIGEST_MISMATCH");
});

Deno.test("resolvePackages resolves the same without network, once all is in the cache", async () => {
  const key = await SigningKey.create();
  await using server = await FileServer.start(await repositories(key));
  using lists = new TestLists();
  const keyring = lists.write("keys", key.armored);
  server.add(
    "/list.yaml",
    encode(`repositories:
  - {deb: deb, suite: stable, packages: [hello]}
  - {rpm: rpm, arch: x86_64, packages: [world]}
`),
  );
  const url = server.url("list.yaml");
  const missing = await failureOf(lists.resolve(url, [], { offline: true }));
  assert.equal(missing.code, "LDR_NOT_CACHED");
  const online = await lists.resolve(url, [], { keyring });
  const requests = server.requested.length;
  assert.deepEqual(await lists.resolve(url, [], { keyring, offline: true }), online);
  assert.equal(server.requested.length, requests);
  // The index was valid when it was fetched.
  lists.clock.time = Date.UTC(2026, 2, 1);
  assert.deepEqual(await lists.resolve(url, [], { keyring, offline: true }), online);
  assert.match(lists.notes.at(-1)!, /expired on/);
});

Deno.test("resolvePackages asks for a signed index each time, and for what it names only if that has changed", async () => {
  await using server = await FileServer.start(await repositories());
  using lists = new TestLists();
  const url = server.url("deb/dists/stable/InRelease");
  await lists.resolve(url, ["hello"]);
  server.clearLog();
  await lists.resolve(url, ["hello"]);
  assert.deepEqual(server.requested, ["deb/dists/stable/InRelease"]);
});

Deno.test("resolvePackages says that it fetches a large index", async () => {
  const stanza = `Package: other\nDescription: ${"x".repeat(1000)}\n\n`;
  const compressed = gzipSync(encode(stanza.repeat(1100)), { level: 0 });
  await using server = await FileServer.start(await debianMirror({ compressed }));
  using lists = new TestLists();
  await failureOf(lists.resolve(server.url("dists/stable/InRelease"), ["hello"]));
  assert.match(lists.notes.at(-1)!, /^fetching http.*\/Packages\.gz \(1\.0\d MiB\)$/);
});

Deno.test("resolvePackages keeps the index that it could verify if the next one cannot be", async () => {
  const [trusted, other] = await Promise.all([SigningKey.create(), SigningKey.create()]);
  await using server = await FileServer.start(await debianMirror({ key: trusted }));
  using lists = new TestLists();
  const keyring = lists.write("keys", trusted.armored);
  const url = server.url("dists/stable/InRelease");
  const verified = await lists.resolve(url, ["hello"], { keyring });
  server.serve(await debianMirror({ key: other, packages: [{ name: "hello", version: "6" }] }));
  await failureOf(lists.resolve(url, ["hello"], { keyring }));
  assert.deepEqual(await lists.resolve(url, ["hello"], { keyring, offline: true }), verified);
});

Deno.test("resolvePackages reads a list again whose transfer broke off, and none that is compressed", async () => {
  await using server = await FileServer.start(await debianMirror());
  using lists = new TestLists();
  const resolve = () => lists.resolve(server.url("dists/stable/InRelease"), ["hello"]);
  server.fail("InRelease", resetAfter(10), 2);
  assert.equal((await resolve()).length, 1);
  assert.match(lists.notes[0]!, /^http.*InRelease: .* broke off; trying again \(2 of 5\)$/);
  server.fail("InRelease", withHeader("Content-Encoding", "gzip"));
  assert.equal((await failureOf(resolve())).code, "LDR_BAD_RESPONSE");
});

Deno.test("resolvePackages says that --offline uses the cached index if its server fails", async () => {
  using lists = new TestLists();
  const server = await FileServer.start(await debianMirror());
  const url = server.url("dists/stable/InRelease");
  await lists.resolve(url, ["hello"]);
  await server[Symbol.asyncDispose]();
  const failure = await failureOf(lists.resolve(url, ["hello"]));
  assert.equal(failure.exitCode, 6);
  assert.match(failure.hint, /the cached copy with --offline/);
});

Deno.test("resolvePackages refuses a keyring for what is not signed", async () => {
  await using server = await FileServer.start(await repositories());
  using lists = new TestLists();
  const keyring = lists.write("keys", (await SigningKey.create()).armored);
  const index = server.url("deb/dists/stable/main/binary-amd64/Packages.gz");
  assert.equal((await lists.resolve(index, ["hello"])).length, 1);
  const unsigned = await failureOf(lists.resolve(index, ["hello"], { keyring }));
  assert.deepEqual([unsigned.code, unsigned.exitCode], ["LDR_UNVERIFIED", 5]);
  const list = lists.write("list.yaml", `packages: ["${server.url("x_1_all.deb")}"]`);
  assert.equal((await failureOf(lists.resolve(list, [], { keyring }))).code, "LDR_USAGE");
});

Deno.test("resolvePackages fails on lists and names that cannot be used", async () => {
  await using server = await FileServer.start(await repositories());
  using lists = new TestLists();
  const cases: [string, string[], string, RegExp][] = [
    [join(lists.path, "none.yaml"), [], "LDR_NOT_FOUND", /no file .*none\.yaml/],
    [server.url("none.yaml"), [], "LDR_NOT_FOUND", /no file http/],
    ["ftp://x/list.yaml", [], "LDR_USAGE", /not a list that can be read/],
    [server.url("deb/dists/stable/InRelease"), [], "LDR_USAGE", /no packages are named/],
    [server.url("rpm/repodata/repomd.xml"), [], "LDR_USAGE", /no packages are named/],
    [
      lists.write("no.yaml", "packages: [missing.deb]"),
      [],
      "LDR_NOT_FOUND",
      /no file .*missing\.deb/,
    ],
  ];
  for (const [list, wanted, code, expected] of cases) {
    const failure = await failureOf(lists.resolve(list, wanted));
    assert.equal(failure.code, code, list);
    assert.match(failure.message, expected);
  }
  const list = lists.write(
    "keyed.yaml",
    `repositories: [{deb: "${server.url("deb")}", suite: stable, keyring: none, packages: [x]}]`,
  );
  assert.equal((await failureOf(lists.resolve(list))).code, "LDR_CONFIG");
});
