import assert from "node:assert/strict";
import { killTest, larderKilledAt } from "../support/cache/killed_at.ts";
import { blob, image, randomBytes, utf8, wasmArtifact } from "../support/cache/artifacts.ts";
import { AS_USER } from "../support/cli/other_owner.ts";
import { type Result, TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const BASE = blob(randomBytes(20_000, "base"));
const OLD = image([BASE, "old"]);
const NEW = image([BASE, "new"]);
const DEB = utf8("!<arch>\na package");

async function ok(result: Promise<Result>): Promise<Result> {
  const { code, stdout, stderr } = await result;
  assert.equal(code, 0, stderr);
  return { code, stdout, stderr };
}

const lockOf = (user: TestUser) => Deno.readTextFileSync(user.path("larder.lock"));

/** Serves a package at a URL. */
function serve(registry: TestRegistry, name = "hello_2.10-3_amd64.deb", bytes = DEB): string {
  return registry.addFile(`/pool/${name}`, bytes);
}

Deno.test("pull --frozen takes the locked digest of a tag that has moved, without asking for the tag", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", OLD, "v1");
  const { stdout } = await ok(user.larder(["lock", reference]));
  assert.equal(stdout, `+ reference ${reference} ${OLD.descriptor.digest}\n`);
  registry.add("app", NEW, "v1");
  registry.clearLog();
  const pulled = await ok(user.larder(["pull", "--frozen", reference]));
  assert.equal(pulled.stdout, `${reference}@${OLD.descriptor.digest}\n`);
  assert.deepEqual(registry.requests("/manifests/v1"), []);
  registry.clearLog();
  await ok(user.larder(["pull", "--frozen"]));
  await ok(user.larder(["pull", "--frozen", "--offline", reference]));
  assert.deepEqual(registry.requests(), []);
});

Deno.test("--frozen is exit 3 for what is not locked, and the hint says what to type", async (t) => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", OLD, "v1");
  const other = registry.add("app", OLD, "v2");
  const url = serve(registry);
  await t.step("without a lock file", async () => {
    const { code, stderr } = await user.larder(["pull", "--frozen", reference]);
    assert.equal(code, 3);
    assert.match(stderr, /there is no larder.lock in .*\[LDR_NOT_LOCKED\]\nhint: .*larder lock /);
  });
  await ok(user.larder(["lock", reference]));
  registry.clearLog();
  for (
    const args of [["pull", other], ["run", other], ["fetch", url], ["fetch", "--from", "a.yaml"]]
  ) {
    await t.step(args.join(" "), async () => {
      const { code, stderr } = await user.larder([...args, "--frozen"]);
      assert.equal(code, 3, stderr);
      assert.match(
        stderr,
        /is not in larder.lock \[LDR_NOT_LOCKED\]\nhint: add it with larder lock /,
      );
      assert.deepEqual(registry.requests(), []);
    });
  }
});

Deno.test("run --frozen takes the locked digest", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("tool", wasmArtifact(), "v1");
  await ok(user.larder(["lock", reference]));
  registry.add("tool", NEW, "v1");
  registry.clearLog();
  // The module exports nothing to run, which larder only finds out once it has pulled it.
  const { stderr } = await user.larder(["run", "--frozen", reference]);
  assert.match(stderr, /app:v1@sha256:|tool:v1@sha256:/);
  assert.deepEqual(registry.requests("/manifests/v1"), []);
});

Deno.test("outdated compares the locked references too, and lock then updates them", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", OLD, "v1");
  await ok(user.larder(["lock", reference]));
  const current = await user.larder(["outdated", "--exit-code"]);
  assert.equal(current.code, 0, current.stderr);
  registry.add("app", NEW, "v1");
  const { code, stdout, stderr } = await user.larder(["outdated", "--exit-code", reference]);
  assert.equal(code, 10);
  assert.match(
    stdout,
    /^NAME +STATE +HERE +REGISTRY +AGE +TO FETCH +IN\n.* behind .* larder.lock\n$/,
  );
  assert.match(stderr, /^larder lock updates larder.lock$/m);
  const locked = await ok(user.larder(["lock"]));
  assert.equal(locked.stdout, `~ reference ${reference} ${NEW.descriptor.digest}\n`);
  assert.equal((await user.larder(["outdated", "--exit-code"])).code, 0);
});

Deno.test("fetch --frozen takes the locked packages, and fails for other bytes", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const url = serve(registry);
  const digest = blob(DEB).descriptor.digest;
  await ok(user.larder(["lock", url]));
  assert.ok(lockOf(user).includes(`    url: ${url}\n    digest: ${digest}\n`), lockOf(user));
  registry.clearLog();
  await ok(user.larder(["fetch", "--frozen", "--to", "debs"]));
  assert.deepEqual(registry.requests(), []);
  assert.deepEqual(Deno.readFileSync(user.path("debs/hello_2.10-3_amd64.deb")), DEB);
  Deno.removeSync(user.registry, { recursive: true });
  serve(registry, undefined, utf8("!<arch>\nb package"));
  const other = await user.larder(["fetch", "--frozen", url]);
  assert.equal(other.code, 5, other.stderr);
});

Deno.test("lock reads a spec and its lists, and --frozen fails once the spec has changed", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", OLD, "v1");
  const urls = [serve(registry), serve(registry, "bash_5.2-1_amd64.deb", utf8("!<arch>\nbash"))];
  const spec = [
    `packages: [{url: "${urls[0]}"}, {from: list.yaml}]`,
    `refs: ["${reference}"]`,
    `run: ["sh", "-c", "ls -R $LARDER_PACKAGES > $LARDER_OUTPUT"]`,
    "output: out.txt",
  ].join("\n");
  user.write("image/spec.yaml", spec);
  user.write("image/list.yaml", `packages: ["${urls[1]}"]\n`);
  await ok(user.larder(["lock", "image/spec.yaml"]));
  assert.match(lockOf(user), /^ {2}image\/list.yaml:\n {4}digest: sha256:[0-9a-f]{64}$/m);
  assert.match(lockOf(user), /^ {2}image\/spec.yaml: sha256:[0-9a-f]{64}$/m);
  assert.ok(!lockOf(user).includes(user.home));
  registry.add("app", NEW, "v1");
  registry.clearLog();
  const build = ["build", "image/spec.yaml", "--frozen", "--sandbox", "none", "-o", "out.txt"];
  const { stderr } = await ok(user.larder(build));
  assert.match(stderr, new RegExp(`app:v1@${OLD.descriptor.digest}`));
  assert.deepEqual(registry.requests("/manifests/v1"), []);
  assert.match(Deno.readTextFileSync(user.path("out.txt")), /bash_5.2-1_amd64.deb\nhello_2.10/);
  user.write("image/spec.yaml", `# a comment\n${spec}\n`);
  assert.match((await ok(user.larder(build))).stderr, /Use build from cache/);
  user.write("image/spec.yaml", `${spec}\nenv: {A: b}\n`);
  const changed = await user.larder(build);
  assert.equal(changed.code, 3);
  assert.match(changed.stderr, /image\/spec.yaml has changed since it was locked/);
});

Deno.test("lock takes a package that is named twice, or that is at two URLs, and reads its file again", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const bytes = new TextEncoder().encode("!<arch>\nhello");
  const urls = ["a", "b"].map((folder) =>
    registry.addFile(`/debian/pool/${folder}/hello_1_all.deb`, bytes)
  );
  user.write("list.yaml", { packages: [...urls, ...urls] });
  await ok(user.larder(["lock", "--from", "list.yaml"]));
  for (const url of [...urls, urls[0]!]) await ok(user.larder(["lock", url]));
  await ok(user.larder(["lock", ...urls, ...urls]));
  assert.equal(lockOf(user).match(/name: hello/g)?.length, 4);
  for (const url of urls) await ok(user.larder(["fetch", "--frozen", url]));
  await ok(user.larder(["fetch", "--frozen", "--from", "list.yaml", "-o", "out/"]));
  const all = await ok(user.larder(["fetch", "--frozen"]));
  assert.equal(all.stdout.trim().split("\n").length, urls.length);
  const digests = ["a", "b"].map((digit) => `sha256:${digit.repeat(64)}`);
  user.write("list.yaml", { packages: digests.map((digest) => ({ url: urls[0], digest })) });
  assert.equal((await user.larder(["lock", "--from", "list.yaml"])).code, 5);
});

Deno.test("--frozen fails once a local list has changed or is gone, until it is locked again", async (t) => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const hello = `{url: "${serve(registry)}", version: 1.10}`;
  const bash = `"${serve(registry, "bash_5.2-1_amd64.deb", utf8("!<arch>\nbash"))}"`;
  const listOf = (...packages: string[]) => user.write("list.yaml", `packages: [${packages}]\n`);
  const lines = [
    "packages: [{from: list.yaml}]",
    "output: out",
    "run: [sh, -c, echo a > $LARDER_OUTPUT]",
  ];
  user.write("spec.yaml", lines.join("\n"));
  listOf(hello);
  await ok(user.larder(["lock", "spec.yaml"]));
  const commands = [
    ["fetch", "--frozen"],
    ["fetch", "--frozen", "--from", "list.yaml"],
    ["build", "--frozen", "spec.yaml", "--sandbox", "none"],
  ];
  const all = async (code: number, message: RegExp) => {
    for (const args of commands) {
      const result = await user.larder(args);
      assert.equal(result.code, code, `${args}: ${result.stderr}`);
      assert.match(result.stderr, message);
    }
  };
  const CHANGED =
    /list.yaml has changed since it was locked \[LDR_NOT_LOCKED\]\nhint: .*larder lock --from list.yaml,/;
  await t.step("a package more", async () => {
    listOf(hello, bash);
    await all(3, CHANGED);
  });
  await t.step("a version that is another text of the same number", async () => {
    listOf(hello.replace("1.10", "1.1"));
    await all(3, CHANGED);
  });
  await t.step("a comment", async () => {
    listOf(hello);
    user.write("list.yaml", `# ours\n${Deno.readTextFileSync(user.path("list.yaml"))}`);
    await all(0, /./);
  });
  await t.step("locked again", async () => {
    listOf(hello, bash);
    const { stdout } = await ok(user.larder(["lock"]));
    assert.match(stdout, /^~ list list.yaml sha256:.*\n\+ package bash\//m);
    await all(0, /./);
  });
  await t.step("no list", async () => {
    Deno.removeSync(user.path("list.yaml"));
    await all(3, /no file .*list.yaml \[LDR_NOT_FOUND\]/);
  });
});

Deno.test("two locks at once lose nothing", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const tags = ["a", "b", "c"].map((tag) => registry.add("app", OLD, tag));
  await Promise.all(tags.map((tag) => ok(user.larder(["lock", tag]))));
  for (const tag of tags) assert.ok(lockOf(user).includes(`  ${tag}: `), lockOf(user));
  assert.deepEqual([...Deno.readDirSync(user.home)].map(({ name }) => name).sort(), [
    "larder.lock",
  ]);
});

Deno.test("lock writes nothing if one name fails, and keeps a file that it cannot read", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const reference = registry.add("app", OLD, "v1");
  const { code } = await user.larder(["lock", reference, registry.reference("app", "nope")]);
  assert.equal(code, 3);
  assert.throws(() => lockOf(user), Deno.errors.NotFound);
  const conflict = "schemaVersion: 1\nreferences:\n<<<<<<< HEAD\n=======\n>>>>>>> topic\n";
  user.write("larder.lock", conflict);
  for (const args of [["lock", reference], ["pull", "--frozen", reference], ["outdated"]]) {
    const { code, stderr } = await user.larder(args);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /it has a merge conflict \(line 3\) \[LDR_BAD_LOCK\]\nhint: keep the lines/,
    );
  }
  assert.equal(lockOf(user), conflict);
});

Deno.test("lock refuses a credential in a URL before it sends a request", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const url = serve(registry).replace("http://", "http://me:hunter2@");
  const { code, stderr } = await user.larder(["lock", url]);
  assert.equal(code, 2);
  assert.match(stderr, /has a credential, which larder.lock must not hold/);
  assert.ok(!stderr.includes("hunter2"));
  assert.deepEqual(registry.requests(), []);
});

Deno.test({
  name: "lock is exit 7 in a folder that the user cannot write",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using registry = await TestRegistry.start();
    using user = new TestUser();
    const reference = registry.add("app", OLD, "v1");
    Deno.chmodSync(user.home, 0o500);
    const env = { XDG_CACHE_HOME: "/nowhere" };
    const { code, stderr } = await user.larder(["lock", reference], { under: AS_USER, env });
    Deno.chmodSync(user.home, 0o700);
    assert.equal(code, 7, stderr);
    assert.match(stderr, /^error: cannot write .*\/larder.lock: .*\[LDR_PERMISSION\]$/m);
  },
});

killTest("a lock that was killed leaves the old file, and the next one succeeds", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const first = registry.add("app", OLD, "v1");
  const second = registry.add("app", NEW, "v2");
  await ok(user.larder(["lock", first]));
  const before = lockOf(user);
  for (const calls of ["rename,renameat2", "fsync,fdatasync"]) {
    await larderKilledAt(user, ["lock", second], calls, 1);
    assert.equal(lockOf(user), before);
  }
  await ok(user.larder(["lock", second]));
  assert.ok(lockOf(user).includes(`  ${first}: `) && lockOf(user).includes(`  ${second}: `));
  assert.deepEqual([...Deno.readDirSync(user.home)].map(({ name }) => name).sort(), [
    "larder.lock",
    "trace",
  ]);
});
