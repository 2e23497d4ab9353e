import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, MEDIA_TYPES, randomBytes, wasmArtifact } from "../support/cache/artifacts.ts";
import { layoutOf, tarFileOf, writeFiles } from "../support/cache/image_layouts.ts";
import { killTest, larderKilledAt } from "../support/cache/killed_at.ts";
import { assertNoStrayFiles, assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { run } from "../support/cli/commands.ts";
import { MountedFolder, mountTest } from "../support/cli/mounts.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { OciLayout } from "../support/registry/images.ts";
import { until } from "../support/until.ts";
import { moduleBytes } from "../support/wasm/components.ts";

const NAME = "example.com/team/app:v1";
const APP = image([blob(randomBytes(300_000), MEDIA_TYPES.ociLayer), "small"]);
const MB = 1_000_000;

async function good(user: TestUser, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await user.larder(args);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Returns the digest that skopeo finds. */
async function inspect(image: string): Promise<string> {
  return (await run("skopeo", ["inspect", "--format", "{{.Digest}}", image])).trim();
}

Deno.test("skopeo, umoci and larder hand an image to each other with the same digest", async (t) => {
  using layout = await OciLayout.create();
  await layout.build("v1", { layers: [{ "a.txt": "one" }, { "b.txt": "two" }] });
  using user = new TestUser();
  const digest = await inspect(`oci:${layout.path}:v1`);
  const copy = (to: string) =>
    run("skopeo", ["--insecure-policy", "copy", "--quiet", `oci:${layout.path}:v1`, to]);
  await copy(`oci-archive:${user.path("in.tar")}:${NAME}`);
  assert.equal(await good(user, "import", user.path("in.tar")), `${NAME}@${digest}\n`);
  await good(user, "export", NAME, "out");
  await good(user, "export", NAME, "out.tar");
  await good(user, "export", NAME, "out.tar.gz");
  for (
    const target of [
      `oci:out:${NAME}`,
      "oci:out",
      `oci-archive:out.tar:${NAME}`,
      "oci-archive:out.tar.gz",
    ]
  ) {
    await t.step(target, async () => {
      assert.equal(await inspect(target.replace("out", user.path("out"))), digest);
    });
  }
  await run("umoci", ["stat", "--image", `${user.path("out")}:${NAME}`]);
  // What Docker reads: the image again, from its own list in the archive.
  const docker = `docker-archive:${user.path("out.tar")}`;
  await run("skopeo", [
    "--insecure-policy",
    "copy",
    "--quiet",
    docker,
    `oci:${user.path("again")}:x`,
  ]);

  await t.step("an archive as docker save writes it", async () => {
    await copy(`docker-archive:${user.path("docker.tar")}:example.com/team/saved:v1`);
    using other = new TestUser();
    const saved = await good(other, "import", user.path("docker.tar"));
    assert.match(saved, /^example\.com\/team\/saved:v1@sha256:/);
    await good(other, "pull", "--offline", "example.com/team/saved:v1");
    assertStoreSound(other.registry);
    assertNoStrayFiles(other.registry);
  });
});

Deno.test("skopeo and umoci read an image with a manifest of Docker's type by its name", async () => {
  using user = new TestUser();
  const files = layoutOf({ artifact: image(["layer"], { docker: true }), name: NAME });
  await good(user, "import", writeFiles(user.path("layout"), files));
  await good(user, "export", NAME, "out");
  assert.match(await inspect(`oci:${user.path("out")}:${NAME}`), /^sha256:[0-9a-f]{64}$/);
  await run("umoci", ["stat", "--image", `${user.path("out")}:${NAME}`]);
});

/** Runs larder with a file as its standard input or output. */
const redirected = (redirection: string) => ({
  under: ["sh", "-c", `exec "$0" "$@" ${redirection}`],
});

/** The bytes of a file in a pipe that is not closed. */
const heldOpen = (file: string) => ({
  under: ["sh", "-c", `mkfifo pipe; exec 3<>pipe; cat ${file} >&3; exec "$0" "$@" <pipe`],
});

Deno.test("run --offline starts what was imported from the standard output of another larder", async () => {
  using user = new TestUser();
  const files = layoutOf({
    artifact: wasmArtifact(await moduleBytes("preview1_command")),
    name: NAME,
  });
  await good(user, "import", writeFiles(user.path("layout"), files));
  const exported = await user.larder(["export", NAME, "-"], redirected(">stream"));
  assert.equal(exported.code, 0, exported.stderr);
  await good(user, "export", NAME, "file.tar");
  assert.deepEqual(
    Deno.readFileSync(user.path("stream")),
    Deno.readFileSync(user.path("file.tar")),
  );
  using other = new TestUser();
  const imported = await other.larder(["import", "-"], redirected(`<${user.path("stream")}`));
  assert.equal(imported.code, 0, imported.stderr);
  assertNoStrayFiles(other.registry);
  const ran = await other.larder(["run", "--offline", NAME, "--", "arguments", "one"]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(ran.stdout, "arguments\none\n");
});

for (const signal of ["SIGINT", "SIGKILL"] as const) {
  Deno.test(`import - leaves nothing of its input after ${signal}`, async () => {
    using user = new TestUser();
    const tar = tarFileOf(layoutOf({ artifact: APP, name: NAME }));
    Deno.writeFileSync(user.path("start"), tar.subarray(0, 10_000));
    await using running = user.spawn(["import", "-"], heldOpen("start"));
    const partials = join(user.registry, "partial");
    await until(() => isThere(partials) && filesBelow(partials).length === 0, running.result);
    running.kill(signal);
    const { code, stderr } = await running.result;
    assert.equal(code, signal === "SIGINT" ? 130 : 137, stderr);
    assert.deepEqual(filesBelow(user.registry), []);
    Deno.writeFileSync(user.path("whole"), tar);
    await good(user, "import", user.path("whole"));
  });
}

function isThere(path: string): boolean {
  try {
    return Deno.lstatSync(path).isDirectory;
  } catch {
    return false;
  }
}

killTest(
  "an import that was killed leaves the old entry, and the same command completes it",
  async () => {
    using user = new TestUser();
    const old = layoutOf({ artifact: image(["old"]), name: NAME });
    const before = await good(user, "import", writeFiles(user.path("old"), old));
    const path = writeFiles(user.path("new"), layoutOf({ artifact: APP, name: NAME }));
    // When the first blob gets its name, and when all of them have theirs.
    for (const nth of [1, 4]) {
      assert(await larderKilledAt(user, ["import", path], "rename,renameat,renameat2", nth));
      assert.equal(await good(user, "pull", "--offline", NAME), before);
      assertStoreSound(user.registry);
    }
    assert.equal(await good(user, "import", path), `${NAME}@${APP.descriptor.digest}\n`);
    assertStoreSound(user.registry);
    assertNoStrayFiles(user.registry);
  },
);

killTest(
  "an export that was killed leaves the old file, and the same command replaces it",
  async () => {
    using user = new TestUser();
    await good(
      user,
      "import",
      writeFiles(user.path("in"), layoutOf({ artifact: APP, name: NAME })),
    );
    for (const form of ["out", "out.tar"]) {
      await good(user, "export", NAME, form);
      assert(await larderKilledAt(user, ["export", "--force", NAME, form], "rename,renameat2", 1));
      await good(user, "import", form);
      await good(user, "export", "--force", NAME, form);
    }
    assert.deepEqual(
      [...Deno.readDirSync(user.home)].map(({ name }) => name).filter((name) => /tmp/.test(name)),
      [],
    );
  },
);

mountTest(
  "import exits with 7 on a full disk and shows nothing, and the same command completes it",
  async () => {
    await using disk = await MountedFolder.tmpfs("3m");
    using user = new TestUser();
    const artifact = image([blob(randomBytes(MB, "a")), blob(randomBytes(MB, "b"))]);
    Deno.writeFileSync(user.path("in.tar"), tarFileOf(layoutOf({ artifact, name: NAME })));
    const ballast = join(disk.path, "ballast");
    Deno.writeFileSync(ballast, randomBytes(1.5 * MB));
    const args = ["--cache-dir", disk.path, "import", user.path("in.tar")];
    const { code, stderr } = await user.larder(args);
    assert.equal(code, 7, stderr);
    assert.match(stderr, /LDR_DISK_FULL/);
    const registry = join(disk.path, "registry");
    assert.deepEqual(["data", "manifests"].flatMap((tree) => filesBelow(join(registry, tree))), []);
    Deno.removeSync(ballast);
    await good(user, ...args);
    assertStoreSound(registry);
    assertNoStrayFiles(registry);
  },
);

mountTest(
  "import reads a read-only folder, and export exits with 7 there and on a full disk",
  async () => {
    using user = new TestUser();
    writeFiles(user.path("in"), layoutOf({ artifact: APP, name: NAME }));
    await using readOnly = await MountedFolder.readOnly(user.path("in"));
    await using full = await MountedFolder.tmpfs("100k");
    await good(user, "import", readOnly.path);
    const faults = [[readOnly.path, "LDR_READ_ONLY"], [full.path, "LDR_DISK_FULL"]] as const;
    for (const [path, fault] of faults) {
      for (const name of ["out", "out.tar", "out.tar.gz"]) {
        const { code, stderr } = await user.larder(["export", NAME, join(path, name)]);
        assert.equal(code, 7, stderr);
        assert.match(stderr, new RegExp(`\\[${fault}\\]$`, "m"));
      }
    }
    assert.deepEqual(filesBelow(full.path), []);
  },
);
