import assert from "node:assert/strict";
import { join } from "node:path";
import { digestOf } from "../../src/oci/hash.ts";
import { killTest } from "../support/cache/killed_at.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { run } from "../support/cli/commands.ts";
import { QuickUser } from "../support/cli/in_process.ts";
import type { TestUser } from "../support/cli/test_user.ts";
import { deb } from "../support/packages/deb.ts";
import { debianMirror, type TestPackage } from "../support/packages/debian_mirror.ts";
import { SigningKey } from "../support/packages/signing_key.ts";
import { FileServer } from "../support/registry/file_server.ts";

const PACKAGES = 200;

/** The system calls that change the cache or the output. */
const CALLS = [
  "rename,renameat,renameat2",
  "fsync,fdatasync",
  "unlink,unlinkat,rmdir",
  "mkdir,mkdirat",
  "chmod,fchmod,fchmodat,utimensat",
];

/** Kills larder, or the command that it runs, at its nth call of a kind. */
async function killedAt(user: TestUser, calls: string, nth: number): Promise<number> {
  const strace = ["strace", "-f", "-qq", "-o", user.path("trace"), "-e", `trace=${calls}`];
  const under = [...strace, "-e", `inject=${calls}:signal=KILL:when=${nth}`];
  const { code } = await user.larder(["build", "image.yaml", "--sandbox", "none"], { under });
  return code;
}

for (const calls of CALLS) {
  killTest(`build succeeds after one that was killed at any ${calls}`, async () => {
    let nth = 0;
    for (let code = 137; code !== 0;) {
      using user = new QuickUser();
      user.write("root/a", "one");
      user.write("root/b/c", "two");
      user.write("image.yaml", {
        inputs: ["root"],
        run: ["sh", "-c", "cat root/a root/b/c > $LARDER_OUTPUT"],
        output: "out",
      });
      code = await killedAt(user, calls, ++nth);
      assertStoreSound(user.registry, { midway: true });
      if (code !== 0) assert.ok(!exists(user.path("out")) || text(user) === "onetwo");
      const again = await user.larder(["build", "image.yaml", "--sandbox", "none"]);
      assert.equal(again.code, 0, again.stderr);
      assert.equal(text(user), "onetwo");
      assertStoreSound(user.registry);
      const rebuilt = await user.larder(["build", "image.yaml", "--sandbox", "none", "--rebuild"]);
      assert.equal(rebuilt.code, 0, rebuilt.stderr);
      assert.deepEqual([...Deno.readDirSync(`${user.registry}/building`)], []);
    }
    assert.ok(nth > 1, "nothing was killed, so nothing was tested");
  });
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function text(user: TestUser): string {
  return Deno.readTextFileSync(user.path("out"));
}

Deno.test(`build makes an image of ${PACKAGES} packages of a signed repository, once`, async () => {
  const key = await SigningKey.create();
  const packages: TestPackage[] = [];
  for (let i = 0; i < PACKAGES; i++) {
    const name = `package${i}`;
    const bytes = await deb(name, "1.0", { [`usr/share/${name}`]: `content ${i}\n` });
    packages.push({ name, version: "1.0", arch: "all", bytes });
  }
  const files = await debianMirror({
    packages,
    key,
    fields: { "Valid-Until": undefined },
    signing: { date: new Date(Date.now() - 60_000) },
  });
  await using server = await FileServer.start(files);
  using user = new QuickUser();
  user.write("keys.asc", key.armored);
  const names = packages.map(({ name }) => name);
  const repository = { deb: server.url(), suite: "stable", arch: "amd64", keyring: "keys.asc" };
  user.write("packages.yaml", { repositories: [{ ...repository, packages: names }] });
  const script = [
    "set -e",
    "mkdir root",
    'for p in "$LARDER_PACKAGES"/*.deb; do dpkg-deb --fsys-tarfile "$p" | tar -x -C root; done',
    'mksquashfs root "$LARDER_OUTPUT" -quiet -no-progress',
  ].join("\n");
  user.write("image.yaml", {
    packages: [{ from: "packages.yaml" }],
    run: ["sh", "-c", script],
    output: "image.squashfs",
  });
  const build = (...options: string[]) => user.larder(["build", "image.yaml", ...options]);
  const first = await build();
  assert.equal(first.code, 0, first.stderr);
  assert.equal(server.requests("/pool/").length, PACKAGES);
  const path = user.path("image.squashfs");
  const last = `usr/share/package${PACKAGES - 1}`;
  assert.equal(await run("unsquashfs", ["-cat", path, last]), `content ${PACKAGES - 1}\n`);
  const before = Deno.readFileSync(path);

  server.clearLog();
  const second = await build();
  assert.match(second.stderr, /^Use build from cache: image /m);
  assert.deepEqual(Deno.readFileSync(path), before);
  assert.deepEqual(server.requests("/pool/"), []);

  // As a user may: without locks, `clean` keeps what was used within the last hour.
  Deno.removeSync(join(user.registry, "data", digestOf(packages[7]!.bytes!)));
  const third = await build("--rebuild");
  assert.equal(third.code, 0, third.stderr);
  assert.equal(server.requests("/pool/").length, 1);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
});
