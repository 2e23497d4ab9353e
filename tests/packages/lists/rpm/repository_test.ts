import assert from "node:assert/strict";
import { failureOf } from "../../../support/failure_of.ts";
import { encode, sha256 } from "../../../support/packages/debian_mirror.ts";
import { FileServer } from "../../../support/registry/file_server.ts";
import { rpmMirror } from "../../../support/packages/rpm_mirror.ts";
import { SigningKey } from "../../../support/packages/signing_key.ts";
import { TestLists } from "../../../support/packages/test_lists.ts";

const REPOMD = "repodata/repomd.xml";

Deno.test("resolvePackages resolves a package of a signed rpm repository", async () => {
  const key = await SigningKey.create();
  const files = await rpmMirror({ key, packages: [{ name: "hello", epoch: "1" }] });
  await using server = await FileServer.start(files);
  using lists = new TestLists();
  const keyring = lists.write("keys", key.armored);
  const requests = await lists.resolve(server.url(REPOMD), ["hello"], { keyring });
  const path = "Packages/h/hello-1.0-1.x86_64.rpm";
  const bytes = files.get(path)!;
  assert.deepEqual(requests, [{
    id: { source: new URL(server.url()).host, name: "hello", version: "1:1.0-1", arch: "x86_64" },
    urls: [server.url(path)],
    fileName: "hello-1.0-1.x86_64.rpm",
    digest: sha256(bytes),
    size: bytes.length,
    vouchedBy: sha256(files.get(REPOMD)!),
  }]);
});

Deno.test("resolvePackages selects rpm packages by the names that dnf takes", async () => {
  const files = await rpmMirror({
    packages: [
      { name: "tool", version: "1.9" },
      { name: "tool", version: "1.10", release: "1" },
      { name: "tool", version: "1.10", release: "2" },
      { name: "tool", version: "1.10~rc1", release: "3" },
      { name: "tool", version: "9", arch: "i686" },
      { name: "tool-1.9", version: "3" },
      { name: "data", arch: "noarch" },
    ],
  });
  await using server = await FileServer.start(files);
  using lists = new TestLists();
  const chosen = async (...wanted: string[]) =>
    (await lists.resolve(server.url(REPOMD), wanted))
      .map(({ id }) => `${id.name} ${id.version} ${id.arch}`);
  const cases: [string, string][] = [
    ["tool", "tool 1.10-2 x86_64"],
    ["tool-1.10", "tool 1.10-2 x86_64"],
    ["tool-1.10-1", "tool 1.10-1 x86_64"],
    ["tool-0:1.10-1", "tool 1.10-1 x86_64"],
    ["tool=1.10-1", "tool 1.10-1 x86_64"],
    ["tool.i686", "tool 9-1 i686"],
    ["tool-1.10-1.x86_64", "tool 1.10-1 x86_64"],
    // A package of that name comes before a version of another one.
    ["tool-1.9", "tool-1.9 3-1 x86_64"],
    ["data", "data 1.0-1 noarch"],
  ];
  for (const [wanted, expected] of cases) assert.deepEqual(await chosen(wanted), [expected]);
  const failure = await failureOf(chosen("tol", "tool-7"));
  assert.equal(failure.code, "LDR_NOT_FOUND");
  assert.match(failure.message, /no package tol, tool-7 in/);
  assert.match(failure.hint, /instead of tol, did you mean tool\?/);
});

Deno.test("resolvePackages refuses an rpm repository that another key signed, and an altered one", async () => {
  const [trusted, other] = await Promise.all([SigningKey.create(), SigningKey.create()]);
  await using server = await FileServer.start();
  using lists = new TestLists();
  const keyring = lists.write("keys", trusted.armored);
  const signed = await rpmMirror({ key: trusted });
  const altered = new TextDecoder().decode(signed.get(REPOMD)).replace(
    "<revision>1",
    "<revision>2",
  );
  const cases = {
    "another key": await rpmMirror({ key: other }),
    altered: new Map([...signed, [REPOMD, encode(altered)]]),
    "not signed": await rpmMirror(),
  };
  for (const [name, files] of Object.entries(cases)) {
    server.serve(files);
    const failure = await failureOf(lists.resolve(server.url(REPOMD), ["hello"], { keyring }));
    assert.deepEqual([failure.code, failure.exitCode], ["LDR_UNVERIFIED", 5], name);
  }
});

Deno.test("resolvePackages refuses a primary index of another snapshot, and weak checksums", async () => {
  const files = await rpmMirror({ path: "repodata/primary.xml.gz" });
  const newer = await rpmMirror({
    path: "repodata/primary.xml.gz",
    packages: [{ name: "hello", version: "2" }],
  });
  files.set("repodata/primary.xml.gz", newer.get("repodata/primary.xml.gz")!);
  await using server = await FileServer.start(files);
  using lists = new TestLists();
  const other = await failureOf(lists.resolve(server.url(REPOMD), ["hello"]));
  assert.deepEqual([other.code, other.exitCode], ["LDR_DIGEST_MISMATCH", 5]);
  server.serve(await rpmMirror({ checksum: "sha" }));
  const weak = await failureOf(lists.resolve(server.url(REPOMD), ["hello"]));
  assert.equal(weak.code, "LDR_UNVERIFIED");
  server.serve(await rpmMirror({ checksum: "sha512" }));
  const [request] = await lists.resolve(server.url(REPOMD), ["hello"]);
  assert.match(request!.digest!, /^sha512:/);
});

Deno.test("resolvePackages refuses rpm packages outside the repository", async () => {
  await using server = await FileServer.start();
  using lists = new TestLists();
  const cases: [Parameters<typeof rpmMirror>[0], RegExp][] = [
    [{ packages: [{ name: "hello", path: "../../x.rpm" }] }, /leads out of the repository/],
    [{ packages: [{ name: "hello", path: "http://evil.example/x.rpm" }] }, /leads out/],
    [
      { packages: [{ name: "hello", base: "http://evil.example/" }] },
      /evil\.example.*another repository/,
    ],
    [{ path: "../primary.xml.gz" }, /leads out of the repository/],
  ];
  for (const [options, expected] of cases) {
    server.serve(await rpmMirror(options));
    const failure = await failureOf(lists.resolve(server.url(REPOMD), ["hello"]));
    assert.equal(failure.code, "LDR_BAD_INDEX");
    assert.match(failure.message, expected);
  }
});

Deno.test("resolvePackages refuses XML that defines entities, is broken, or never closes a tag", async () => {
  await using server = await FileServer.start();
  using lists = new TestLists();
  const bomb = `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>`;
  const cases: [Parameters<typeof rpmMirror>[0], RegExp][] = [
    [{ prolog: bomb }, /DOCTYPE/],
    [{ primary: "<metadata><package>" }, /not well-formed XML/],
    [
      { primary: "<metadata><package><name>&undefined;</name></package></metadata>" },
      /well-formed/,
    ],
    [{ primary: `<metadata><!-- ${"x".repeat(6 * 1024 * 1024)} --></metadata>` }, /without a tag/],
    [{ primary: `<metadata>${"<a>".repeat(100)}` }, /nested too deeply/],
    [{ primary: "<metadata><package><name>hello</name></package></metadata>" }, /without a name/],
  ];
  for (const [options, expected] of cases) {
    server.serve(await rpmMirror(options));
    const failure = await failureOf(lists.resolve(server.url(REPOMD), ["hello"]));
    assert.equal(failure.code, "LDR_BAD_INDEX", String(expected));
    assert.match(failure.message, expected);
  }
  server.serve(new Map([[REPOMD, encode("<repomd></repomd>")]]));
  const failure = await failureOf(lists.resolve(server.url(REPOMD), ["hello"]));
  assert.match(failure.message, /does not name a primary index/);
});
