import assert from "node:assert/strict";
import { blob, image } from "../support/cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { run } from "../support/cli/commands.ts";
import { sandboxTest } from "../support/cli/sandbox.ts";
import { type Running, TestUser } from "../support/cli/test_user.ts";
import { deb } from "../support/packages/deb.ts";
import { DockerRegistry } from "../support/registry/docker_registry.ts";
import { OciLayout } from "../support/registry/images.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { until } from "../support/until.ts";

/** A user whose build waits in its command until it is let go. */
class WaitingBuild implements Disposable {
  readonly user = new TestUser();
  readonly log = this.user.path("log");
  readonly go = this.user.path("go");

  constructor() {
    this.user.write("project/input", "content");
    this.user.write("project/image.yaml", {
      inputs: ["input"],
      env: { LOG: this.log, GO: this.go },
      run: [
        "sh",
        "-c",
        `echo $$ >> $LOG; while [ ! -e $GO ]; do sleep 0.02; done; cp input $LARDER_OUTPUT`,
      ],
      output: "image.img",
    });
  }

  spawn(...options: string[]): Running {
    return this.user.spawn([
      ...["build", this.user.path("project/image.yaml"), "--sandbox", "none"],
      ...options,
    ]);
  }

  /** Starts a build, and waits until its command runs. */
  async begin(...options: string[]): Promise<Running> {
    const running = this.spawn(...options);
    await until(() => this.started.length === 1, running.result);
    return running;
  }

  /** Process ids of the commands that were started. */
  get started(): number[] {
    try {
      return Deno.readTextFileSync(this.log).trim().split("\n").map(Number);
    } catch {
      return [];
    }
  }

  [Symbol.dispose](): void {
    this.user[Symbol.dispose]();
  }
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

function entries(user: TestUser, folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(`${user.registry}/${folder}`), ({ name }) => name);
  } catch {
    return [];
  }
}

Deno.test("build runs the command once in two concurrent processes", async () => {
  using build = new WaitingBuild();
  await using first = await build.begin("-o", build.user.path("one"));
  await using second = build.spawn("-o", build.user.path("two"));
  await second.said("which is building the same");
  Deno.writeTextFileSync(build.go, "");
  const [one, two] = await Promise.all([first.result, second.result]);
  assert.equal(one.code, 0, one.stderr);
  assert.equal(two.code, 0, two.stderr);
  assert.match(
    two.stderr,
    /waiting for (process \d+ \(.*\)|another process), which is building the same/,
  );
  assert.match(two.stderr, /^Use build from cache: image /m);
  assert.equal(build.started.length, 1);
  for (const name of ["one", "two"]) {
    assert.equal(Deno.readTextFileSync(build.user.path(name)), "content");
  }
  assertStoreSound(build.user.registry);
  assertNoStrayFiles(build.user.registry);
});

Deno.test("build that waits for another one that fails runs the command itself", async () => {
  using build = new WaitingBuild();
  await using first = await build.begin();
  await using second = build.spawn();
  await second.said("which is building the same");
  first.kill("SIGINT");
  assert.equal((await first.result).code, 130);
  Deno.writeTextFileSync(build.go, "");
  const { code, stderr } = await second.result;
  assert.equal(code, 0, stderr);
  assert.equal(build.started.length, 2);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`build ends all processes of the command on ${signal} and exits with 130`, async () => {
    using build = new WaitingBuild();
    await using running = await build.begin();
    running.kill(signal);
    const { code, stdout, stderr } = await running.result;
    assert.equal(code, 130, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /\[LDR_INTERRUPTED\]\nhint: .*nothing was stored$/m);
    await until(() => !isRunning(build.started[0]!));
    for (const folder of ["builds", "building", "data"]) {
      assert.deepEqual(entries(build.user, folder), []);
    }
    Deno.writeTextFileSync(build.go, "");
    const again = await build.spawn().result;
    assert.equal(again.code, 0, again.stderr);
    assertNoStrayFiles(build.user.registry);
  });
}

Deno.test("build that was killed leaves nothing that a later build finds, and is repeated", async () => {
  using build = new WaitingBuild();
  await using running = await build.begin();
  running.kill("SIGKILL");
  await running.result;
  await until(() => !isRunning(build.started[0]!));
  assert.deepEqual(entries(build.user, "builds"), []);
  Deno.writeTextFileSync(build.go, "");
  const again = await build.spawn().result;
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(entries(build.user, "building"), []);
  assert.equal(entries(build.user, "builds").length, 1);
  assertStoreSound(build.user.registry);
  assertNoStrayFiles(build.user.registry);
});

Deno.test("build says that the cache was deleted meanwhile, and works again", async () => {
  using build = new WaitingBuild();
  await using running = await build.begin();
  Deno.removeSync(build.user.registry, { recursive: true });
  Deno.writeTextFileSync(build.go, "");
  const { code, stderr } = await running.result;
  assert.equal(code, 7, stderr);
  assert.match(stderr, /^error: the cache was deleted while image was built in it/m);
  const again = await build.spawn().result;
  assert.equal(again.code, 0, again.stderr);
  assertNoStrayFiles(build.user.registry);
});

Deno.test("gc removes what a killed build left", async () => {
  using build = new WaitingBuild();
  await using running = await build.begin();
  running.kill("SIGKILL");
  await running.result;
  await until(() => !isRunning(build.started[0]!));
  assert.equal((await build.user.larder(["gc", "--dry-run"])).code, 0);
  assert.ok(entries(build.user, "building").length > 0);
  assert.equal((await build.user.larder(["gc", "--force"])).code, 0);
  assert.deepEqual(entries(build.user, "building").filter((name) => !name.endsWith(".lock")), []);
});

Deno.test("build without a sandbox ends with larder, also if larder is killed", async () => {
  using build = new WaitingBuild();
  await using running = await build.begin();
  running.kill("SIGKILL");
  await running.result;
  await until(() => !isRunning(build.started[0]!));
});

sandboxTest("build in the sandbox ends with larder, also if larder is killed", async () => {
  using user = new TestUser();
  user.write("make.sh", "echo started; while true; do sleep 0.05; done");
  await using running = user.spawn(["build", "-i", "make.sh", "-o", "out", "--", "sh", "make.sh"]);
  await running.said("started");
  const children = await run("ps", ["-o", "pid=", "--ppid", String(running.pid)]);
  const pids = children.trim().split(/\s+/).map(Number);
  assert.ok(pids.length > 0);
  running.kill("SIGKILL");
  await running.result;
  await until(() => pids.every((pid) => !isRunning(pid)));
});

Deno.test("build has references as an OCI image layout, and their digests in the key", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", image([blob("one")]), "v1");
  user.write("image.yaml", {
    refs: [reference],
    run: [
      "sh",
      "-c",
      "cd $LARDER_REFS && cat index.json oci-layout blobs/sha256/* > $LARDER_OUTPUT",
    ],
    output: "layout",
  });
  const build = () => user.larder(["build", "image.yaml"]);
  const first = await build();
  assert.equal(first.code, 0, first.stderr);
  const text = Deno.readTextFileSync(user.path("layout"));
  assert.ok(text.includes(`"org.opencontainers.image.ref.name": "${reference}"`), text);
  assert.ok(text.includes("one"));

  registry.clearLog();
  const second = await build();
  assert.match(second.stderr, /^Use build from cache: image /m);
  assert.deepEqual(registry.requests("/v2/app/blobs/"), []);

  registry.add("app", image([blob("two")]), "v1");
  const third = await user.larder(["build", "image.yaml", "--explain"]);
  assert.equal(third.code, 0, third.stderr);
  assert.match(third.stderr, new RegExp(`^~ ref +${reference}: [0-9a-f]{12} → [0-9a-f]{12}$`, "m"));
  assert.ok(Deno.readTextFileSync(user.path("layout")).includes("two"));
  assertStoreSound(user.registry);
});

Deno.test("build gives a command references that skopeo and umoci read", async () => {
  await using registry = await DockerRegistry.start();
  using layout = await OciLayout.create();
  await layout.build("v1", { layers: [{ "a.txt": "from a layer" }] });
  using user = new TestUser();
  const reference = `${registry.host}/team/app:v1`;
  await layout.push("v1", reference);
  user.write(
    "unpack.sh",
    [
      "set -e",
      `skopeo copy -q "oci:$LARDER_REFS:${reference}" dir:copied`,
      `umoci raw unpack --rootless --image "$LARDER_REFS:${reference}" unpacked`,
      "cat unpacked/a.txt > $LARDER_OUTPUT",
    ].join("\n"),
  );
  user.write("image.yaml", {
    inputs: ["unpack.sh"],
    refs: [reference],
    run: ["sh", "unpack.sh"],
    output: "out",
  });
  const { code, stderr } = await user.larder(["build", "image.yaml", "--sandbox", "none"]);
  assert.equal(code, 0, stderr);
  assert.equal(Deno.readTextFileSync(user.path("out")), "from a layer");
});

/** The compose script of a real image: the files of all packages, in a file system. */
const COMPOSE = `set -e
mkdir root
for package in "$LARDER_PACKAGES"/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x -C root; done
case "$FORMAT" in
  squashfs) mksquashfs root "$LARDER_OUTPUT" -quiet -no-progress ;;
  ext4) mke2fs -q -t ext4 -d root "$LARDER_OUTPUT" 8m ;;
esac
`;

for (const format of ["squashfs", "ext4"] as const) {
  Deno.test(`build makes a ${format} image of packages, and the second one is a hit`, async () => {
    await using server = await TestRegistry.start();
    using user = new TestUser();
    const urls: string[] = [];
    for (const name of ["hello", "world"]) {
      const bytes = await deb(name, "1.0", { [`usr/share/${name}`]: `${name}\n` });
      urls.push(server.addFile(`/pool/${name}_1.0_all.deb`, bytes));
    }
    user.write("compose.sh", COMPOSE);
    user.write("packages.yaml", { packages: [urls[1]] });
    user.write("image.yaml", {
      inputs: ["compose.sh"],
      packages: [urls[0], { from: "packages.yaml" }],
      env: { FORMAT: format },
      run: ["sh", "compose.sh"],
      output: `image.${format}`,
    });
    const build = (...options: string[]) => user.larder(["build", "image.yaml", ...options]);
    const first = await build();
    assert.equal(first.code, 0, first.stderr);
    const path = user.path(`image.${format}`);
    const before = Deno.readFileSync(path);
    const read = format === "ext4"
      ? await run("debugfs", ["-R", "cat /usr/share/world", path])
      : await run("unsquashfs", ["-cat", path, "usr/share/world"]);
    assert.equal(read, "world\n");

    server.clearLog();
    Deno.removeSync(path);
    const second = await build();
    assert.match(second.stderr, /^Use build from cache: image /m);
    assert.deepEqual(Deno.readFileSync(path), before);
    assert.deepEqual(server.requests("/pool/"), []);

    const [source] = entries(user, "packages");
    Deno.removeSync(`${user.registry}/packages/${source}/hello`, { recursive: true });
    const third = await build("--rebuild");
    assert.equal(third.code, 0, third.stderr);
    assert.equal(server.requests("/pool/").length, 1);
    assertStoreSound(user.registry);
    assertNoStrayFiles(user.registry);
  });
}

Deno.test("build fetches packages without the cache for one build, and leaves the cache alone", async () => {
  await using server = await TestRegistry.start();
  using user = new TestUser();
  const bytes = new TextEncoder().encode("a package");
  const url = server.addFile("/pool/a.bin", bytes);
  const spec = {
    packages: [url],
    run: ["sh", "-c", "cat $LARDER_PACKAGES/a.bin > $LARDER_OUTPUT"],
    output: "out",
  };
  user.write("image.yaml", spec);
  for (const options of [["--no-package-cache"], []]) {
    user.write("image.yaml", {
      ...spec,
      build: { cache: { use_package_cache: options.length > 0 } },
    });
    const { code, stderr } = await user.larder(["build", "image.yaml", "--rebuild", ...options]);
    assert.equal(code, 0, stderr);
    assert.equal(Deno.readTextFileSync(user.path("out")), "a package");
    assert.deepEqual(entries(user, "packages"), []);
  }
});

Deno.test("build names the packages that cannot be fetched, and those of a wrong digest", async () => {
  await using server = await TestRegistry.start();
  using user = new TestUser();
  const url = server.addFile("/pool/a_1_all.deb", new TextEncoder().encode("a"));
  const spec = (packages: unknown[]) =>
    user.write("image.yaml", { packages, run: ["true"], output: "out" });
  spec([url.replace("a_1", "b_1"), url.replace("a_1", "c_1")]);
  const missing = await user.larder(["build", "image.yaml"]);
  assert.equal(missing.code, 3, missing.stderr);
  assert.match(missing.stderr, /b_1_all\.deb.*c_1_all\.deb/s);
  spec([{ url, digest: `sha256:${"0".repeat(64)}` }]);
  const wrong = await user.larder(["build", "image.yaml"]);
  assert.equal(wrong.code, 5, wrong.stderr);
  spec([{ url, digest: "sha256:0" }]);
  const bad = await user.larder(["build", "image.yaml"]);
  assert.equal(bad.code, 2, bad.stderr);
  assert.match(bad.stderr, /bad spec at image\.yaml:1:\d+: bad digest/);
});

Deno.test("build --offline works when everything is cached, and says what is missing", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", image([blob("one")]), "v1");
  const url = registry.addFile("/pool/a.bin", new TextEncoder().encode("a"));
  user.write("image.yaml", {
    refs: [reference],
    packages: [url],
    run: ["sh", "-c", "echo x > $LARDER_OUTPUT"],
    output: "out",
  });
  const missing = await user.larder(["build", "image.yaml", "--offline"]);
  assert.equal(missing.code, 3, missing.stderr);
  assert.equal((await user.larder(["build", "image.yaml"])).code, 0);
  registry.clearLog();
  for (const options of [[], ["--rebuild"]]) {
    const { code, stderr } = await user.larder(["build", "image.yaml", "--offline", ...options]);
    assert.equal(code, 0, stderr);
  }
  assert.deepEqual(registry.requests("/"), []);
});
