import assert from "node:assert/strict";
import { join } from "node:path";
import { LarderError } from "../../src/base/errors.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { checkFolder, layOut } from "../../src/packages/lay_out.ts";
import type { PackageResult } from "../../src/packages/package_request.ts";
import { requestForUrl } from "../../src/packages/url_request.ts";
import { debBytes, digestOfBytes } from "../support/registry/file_server.ts";
import { TemporaryFolder } from "../support/temporary.ts";

/** Blobs of packages, and a folder for their copies. */
class Fixture extends TemporaryFolder {
  readonly to = join(this.path, "to");

  package(
    fileName: string,
    seed: number,
    algorithm: "sha256" | "sha512" = "sha256",
  ): PackageResult {
    const bytes = debBytes(1000, seed);
    const path = join(this.path, `blob${seed}`);
    Deno.writeFileSync(path, bytes);
    const request = requestForUrl(`http://mirror/${fileName}`);
    const digest = digestOfBytes(bytes, algorithm) as Digest;
    return { request, outcome: "cached", digest, size: bytes.length, path };
  }

  async layOut(...results: PackageResult[]): Promise<string[]> {
    const stale = checkFolder(this.to, results.map(({ request }) => request));
    return await layOut(results, this.to, stale);
  }

  names(): string[] {
    return [...Deno.readDirSync(this.to)].map(({ name }) => name).sort();
  }
}

Deno.test("layOut makes a folder hold one resolution, and then the next one", async () => {
  using fixture = new Fixture();
  const [a1, a2] = [fixture.package("a_1_all.deb", 1), fixture.package("a_2_all.deb", 2)];
  const b = fixture.package("b_1_all.deb", 3, "sha512");
  const script = fixture.package("install.sh", 4);
  const paths = await fixture.layOut(a1, b, script);
  assert.deepEqual(
    paths,
    ["a_1_all.deb", "b_1_all.deb", "install.sh"].map((name) => join(fixture.to, name)),
  );
  assert.deepEqual(Deno.readFileSync(paths[0]!), debBytes(1000, 1));
  await fixture.layOut(a2, b);
  assert.deepEqual(fixture.names(), ["a_2_all.deb", "b_1_all.deb"]);
  await fixture.layOut(a2);
  assert.deepEqual(fixture.names(), ["a_2_all.deb"]);
});

Deno.test("layOut copies a package that is named twice once, and returns its path twice", async () => {
  using fixture = new Fixture();
  const a = fixture.package("a_1_all.deb", 1);
  const path = join(fixture.to, "a_1_all.deb");
  assert.deepEqual(await fixture.layOut(a, a), [path, path]);
  assert.deepEqual(Deno.readFileSync(path), debBytes(1000, 1));
});

Deno.test("checkFolder refuses what tools take for a package, whatever its name says", () => {
  for (const name of ["foreign.deb", "foreign.rpm", "foreign.apk", "a_1_all.deb"]) {
    using fixture = new Fixture();
    Deno.mkdirSync(fixture.to);
    Deno.writeTextFileSync(join(fixture.to, name), "");
    assert.throws(() => checkFolder(fixture.to, []), {
      code: "LDR_USAGE",
      message: /also contains/,
    });
  }
  using fixture = new Fixture();
  Deno.mkdirSync(fixture.to);
  Deno.writeTextFileSync(join(fixture.to, "Packages"), "");
  assert.deepEqual(checkFolder(fixture.to, []), []);
});

Deno.test("layOut leaves a copy alone that is still right, and replaces one that is not", async () => {
  using fixture = new Fixture();
  const a = fixture.package("a_1_all.deb", 1);
  const [path] = await fixture.layOut(a);
  const { ino } = Deno.statSync(path!);
  await fixture.layOut(a);
  assert.equal(Deno.statSync(path!).ino, ino);
  Deno.writeFileSync(path!, debBytes(1000, 9));
  await fixture.layOut(a);
  assert.deepEqual(Deno.readFileSync(path!), debBytes(1000, 1));
});

Deno.test("checkFolder refuses packages of the user, and leaves other files of the user alone", async () => {
  using fixture = new Fixture();
  const a = fixture.package("a_1_all.deb", 1);
  await fixture.layOut(a);
  const own = ["Packages", "Packages.gz", "README", "setup.sh"];
  for (const name of own) Deno.writeTextFileSync(join(fixture.to, name), "mine");
  Deno.mkdirSync(join(fixture.to, "repodata"));
  await fixture.layOut(a);
  assert.deepEqual(fixture.names(), [...own, "a_1_all.deb", "repodata"].sort());

  const mine = join(fixture.to, "mine_1_all.deb");
  Deno.writeFileSync(mine, debBytes(10));
  assertUsage(() => checkFolder(fixture.to, [a.request]), "mine_1_all.deb");
  Deno.removeSync(mine);

  // A package that larder laid and the user changed is the user's.
  Deno.writeFileSync(join(fixture.to, "a_1_all.deb"), debBytes(1000, 7));
  assertUsage(() => checkFolder(fixture.to, []), "a_1_all.deb");
});

Deno.test("checkFolder refuses two packages with one file name", () => {
  using fixture = new Fixture();
  const [one, other] = ["one", "other"].map((folder) =>
    requestForUrl(`http://mirror/${folder}/a_1_all.deb`)
  );
  assertUsage(() => checkFolder(fixture.to, [one!, other!]), "a_1_all.deb");
  assert.deepEqual(checkFolder(fixture.to, [one!, one!]), []);
});

function assertUsage(work: () => unknown, text: string): void {
  assert.throws(
    work,
    (error) =>
      error instanceof LarderError && error.code === "LDR_USAGE" && error.message.includes(text),
  );
}
