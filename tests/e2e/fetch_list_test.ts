import assert from "node:assert/strict";
import { statfsSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { randomBytes } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { run } from "../support/cli/commands.ts";
import { MountedFolder, mountTest } from "../support/cli/mounts.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { deb } from "../support/packages/deb.ts";
import { debianMirror, encode, type MirrorOptions } from "../support/packages/debian_mirror.ts";
import { rpmMirror } from "../support/packages/rpm_mirror.ts";
import { SigningKey } from "../support/packages/signing_key.ts";
import { debBytes, FileServer } from "../support/registry/file_server.ts";
import { Gate } from "../support/gate.ts";

const KEYS = "keys.asc";
const PACKAGES_GZ = "dists/stable/main/binary-amd64/Packages.gz";

/** Returns a repository that is signed now and does not expire, whatever the time of this machine. */
function mirror(options: MirrorOptions): Promise<Map<string, Uint8Array>> {
  return debianMirror({
    fields: { "Valid-Until": undefined },
    signing: { date: new Date(Date.now() - 60_000) },
    ...options,
  });
}

function listOf(server: FileServer, packages: string): string {
  return `repositories:
  - {deb: "${server.url()}", suite: stable, arch: amd64, keyring: ${KEYS}, packages: [${packages}]}
`;
}

/** Installs packages with `apt-get` into a folder that has nothing of this machine, and returns the installed ones. */
async function aptInstall(root: string, files: readonly string[]): Promise<string> {
  for (const folder of ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"]) {
    Deno.mkdirSync(join(root, folder), { recursive: true });
  }
  for (const folder of ["lists/partial", "../../cache/apt/archives/partial", "../../log/apt"]) {
    Deno.mkdirSync(join(root, "var/lib/apt", folder), { recursive: true });
  }
  Deno.mkdirSync(join(root, "etc/apt/preferences.d"), { recursive: true });
  const status = join(root, "var/lib/dpkg/status");
  Deno.writeTextFileSync(status, "");
  const settings = {
    Dir: root,
    "Dir::State::status": status,
    "Dir::Bin::dpkg": "/usr/bin/dpkg",
    "APT::Architecture": "amd64",
    "APT::Sandbox::User": "",
    "DPkg::Options::": `--root=${root}`,
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const forced = ["--force-not-root", "--force-bad-path", "--force-architecture"]
    .flatMap((option) => ["-o", `DPkg::Options::=${option}`]);
  await run("apt-get", [...options, ...forced, "-y", "install", ...files]);
  return await run("dpkg-query", [`--admindir=${join(root, "var/lib/dpkg")}`, "-W"]);
}

Deno.test("fetch --from lays the packages of a signed repository, which apt-get installs, also offline", async () => {
  const key = await SigningKey.create();
  const [tool, data] = await Promise.all([
    deb("tool", "1:2.0-1", { "usr/share/tool/file": "tool" }, {
      Architecture: "amd64",
      Depends: "tool-data (>= 1.0)",
    }),
    deb("tool-data", "1.0+b1", { "usr/share/tool/data": "data" }),
  ]);
  const server = await FileServer.start(
    await mirror({
      key,
      packages: [
        { name: "tool", version: "1:2.0-1", bytes: tool },
        { name: "tool-data", version: "1.0+b1", arch: "all", bytes: data },
        { name: "other" },
      ],
    }),
  );
  using user = new TestUser();
  user.write(KEYS, key.armored);
  user.write("list.yaml", listOf(server, "tool, tool-data"));
  const online = await user.larder(["fetch", "--from", "list.yaml", "--to", "mirror"]);
  assert.equal(online.code, 0, online.stderr);
  assert.match(online.stderr, /^fetched 2 packages .*, reused 0 packages/);
  const names = ["tool_2.0-1_amd64.deb", "tool-data_1.0+b1_all.deb"];
  assert.deepEqual(online.stdout, names.map((name) => `mirror/${name}\n`).join(""));
  assert.deepEqual([...Deno.readDirSync(user.path("mirror"))].length, 2);
  await server[Symbol.asyncDispose]();
  const offline = ["fetch", "--offline", "--from", "list.yaml", "--to", "again"];
  const again = await user.larder(offline);
  assert.equal(again.code, 0, again.stderr);
  for (const name of names) {
    assert.deepEqual(
      Deno.readFileSync(user.path(`again/${name}`)),
      Deno.readFileSync(user.path(`mirror/${name}`)),
    );
  }
  const installed = await aptInstall(
    user.path("root"),
    names.map((name) => user.path(`again/${name}`)),
  );
  assert.equal(installed, "tool\t1:2.0-1\ntool-data\t1.0+b1\n");
  assert.equal(Deno.readTextFileSync(user.path("root/usr/share/tool/data")), "data");
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
});

Deno.test("fetch --from fetches nothing that a trusted key does not vouch for, and leaves the folder as it is", async () => {
  const [trusted, other] = await Promise.all([SigningKey.create(), SigningKey.create()]);
  await using server = await FileServer.start(await mirror({ key: trusted }));
  using user = new TestUser();
  user.write(KEYS, trusted.binary);
  user.write("list.yaml", listOf(server, "hello"));
  const command = ["fetch", "--from", "list.yaml", "--to", "mirror"];
  assert.equal((await user.larder(command)).code, 0);
  server.serve(await mirror({ key: other, packages: [{ name: "hello", version: "2.0" }] }));
  server.clearLog();
  const refused = await user.larder(command);
  assert.equal(refused.code, 5, refused.stderr);
  assert.match(refused.stderr, new RegExp(`the key ${other.id} is not in .*${KEYS}`));
  assert.deepEqual(server.requested, ["dists/stable/InRelease"]);
  assert.deepEqual([...Deno.readDirSync(user.path("mirror"))].map(({ name }) => name), [
    "hello_1.0-1_amd64.deb",
  ]);
});

Deno.test("fetch --from takes an rpm repository, and the names as arguments", async () => {
  const key = await SigningKey.create();
  const signing = { date: new Date(Date.now() - 60_000) };
  const packages = [{ name: "hello" }, { name: "world", arch: "noarch" }];
  await using server = await FileServer.start(await rpmMirror({ key, signing, packages }));
  using user = new TestUser();
  user.write(KEYS, key.armored);
  const repomd = server.url("repodata/repomd.xml");
  const options = ["--from", repomd, "--keyring", KEYS, "--arch", "x86_64"];
  const { code, stdout, stderr } = await user.larder(
    ["fetch", ...options, "hello", "world", "--format", "json"],
  );
  assert.equal(code, 0, stderr);
  const found = JSON.parse(stdout) as { fileName: string; outcome: string }[];
  assert.deepEqual(
    found.map(({ fileName, outcome }) => `${fileName} ${outcome}`),
    ["hello-1.0-1.x86_64.rpm fetched", "world-1.0-1.noarch.rpm fetched"],
  );
  const missing = await user.larder(["fetch", ...options, "helo"]);
  assert.equal(missing.code, 3);
  assert.match(
    missing.stderr,
    /no package helo in .*\nhint: instead of helo, did you mean hello\?/,
  );
});

Deno.test("fetch --from succeeds after it was killed while it fetched an index", async () => {
  const key = await SigningKey.create();
  await using server = await FileServer.start(await mirror({ key }));
  using user = new TestUser();
  user.write(KEYS, key.armored);
  user.write("list.yaml", listOf(server, "hello"));
  const command = ["fetch", "--from", "list.yaml", "-o", "./"];
  const gate = new Gate();
  server.fail("by-hash", async (answer) => {
    await gate.pass();
    return answer;
  });
  {
    await using killed = user.spawn(command);
    await gate.reachedBy(killed.result);
    killed.kill();
  }
  gate.open();
  server.heal();
  const { code, stderr } = await user.larder(command);
  assert.equal(code, 0, stderr);
  assert.equal(Deno.readTextFileSync(user.path("hello_1.0-1_amd64.deb")), "hello 1.0-1");
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
});

Deno.test("fetch --from reads an index that is compressed with xz", async () => {
  using user = new TestUser();
  const xz =
    "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAOUGFja2FnZTogaGVsbG8KAAD4w3gLGe6zUwABJw/fGvxqH7bzfQEAAAAABFla";
  user.write("Packages.xz", Uint8Array.from(atob(xz), (each) => each.charCodeAt(0)));
  const { code, stderr } = await user.larder(["fetch", "--from", "Packages.xz", "hello"]);
  assert.equal(code, 1);
  assert.match(stderr, /bad index .*Packages\.xz: hello has no Size/);
});

mountTest("fetch --from and lock make room for an index on a full disk", async () => {
  const random = randomBytes(400_000).toHex();
  const key = await SigningKey.create();
  const files = await mirror({ key, packages: [{ name: "tool", bytes: encode("!<arch>\ntool") }] });
  const large = await mirror({
    key,
    index: `${gunzipSync(files.get(PACKAGES_GZ)!)}Description: ${random}\n`,
  });
  await using server = await FileServer.start(new Map([...files, ...large]));
  using user = new TestUser();
  const config = user.write("config.yaml", { gc: { min_free: 0 } });
  for (const command of ["fetch", "lock"]) {
    await using disk = await MountedFolder.tmpfs("4m");
    const larder = (...args: string[]) =>
      user.larder(["--cache-dir", disk.path, "--config", config, ...args]);
    await larder("fetch", server.add("/old_1_all.deb", debBytes(600_000)));
    const past = new Date(Date.now() - 86_400_000);
    for (const path of filesBelow(disk.path)) Deno.utimeSync(path, past, past);
    const { bavail, bsize } = statfsSync(disk.path);
    Deno.writeFileSync(join(disk.path, "ballast"), new Uint8Array(bavail * bsize - 200_000));
    const list = ["--from", server.url("dists/stable/InRelease"), "tool:amd64"];
    const { code, stderr } = await larder(command, ...list);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^made room: freed .*, removed 1 entry$/m);
  }
});
