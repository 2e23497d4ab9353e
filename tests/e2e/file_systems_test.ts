import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { killTest } from "../support/cache/killed_at.ts";
import { assertNoStrayFiles, assertStoreSound, partials } from "../support/cache/store_check.ts";
import { MountedFolder, mountTest } from "../support/cli/mounts.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const APP = image([1, 2].map((number) => blob(randomBytes(64 * 1024, `layer ${number}`))));

/** Runs larder while a system call fails, as on file systems that do not have it. */
const failing = (call: string, how: string) => ({
  under: [
    ...["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", `trace=${call}`],
    ...["-e", `inject=${call}:${how}`],
  ],
});

/** System call, what it answers, and the number of warnings. */
const ANSWERS: readonly (readonly [string, string, number])[] = [
  ["flock", "error=ENOLCK", 1],
  ["flock", "error=ENOSYS", 1],
  ["flock", "error=EOPNOTSUPP", 1],
  ["flock", "error=EINVAL", 1],
  ["flock", "error=EINTR:when=1..3", 0],
  ["fsync", "error=EINVAL", 0],
  ["fsync", "error=ENOSYS", 0],
  ["fdatasync", "error=EINVAL", 0],
  ["fdatasync", "error=ENOSYS", 0],
  ["utimensat", "error=EPERM", 0],
  ["statfs", "error=ENOSYS", 0],
];

for (const [call, how, warnings] of ANSWERS) {
  killTest(`pull succeeds where ${call} answers ${how}`, async () => {
    await using registry = await TestRegistry.start();
    using user = new TestUser();
    const reference = registry.add("app", APP, "v1");
    const { code, stderr } = await user.larder(["pull", reference], failing(call, how));
    assert.equal(code, 0, stderr);
    assert.equal(stderr.match(/warning: /g)?.length ?? 0, warnings, stderr);
    assertStoreSound(user.registry);
    assertNoStrayFiles(user.registry);
  });
}

/** Registers a test of Linux's own folders. */
function linuxTest(name: string, test: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({ name: `${name} (needs Linux)`, ignore: Deno.build.os !== "linux", fn: test });
}

mountTest(
  "pull, clean and verify work with a folder of the cache on another file system",
  async (t) => {
    for (const tree of ["data", "partial", "manifests"]) {
      await t.step(tree, async () => {
        await using registry = await TestRegistry.start();
        await using disk = await MountedFolder.tmpfs("4m");
        using user = new TestUser();
        Deno.mkdirSync(user.registry, { recursive: true });
        Deno.symlinkSync(disk.path, join(user.registry, tree));
        const reference = registry.add("app", APP, "v1");
        for (
          const args of [
            ["pull", reference],
            ["pull", "--offline", reference],
            ["verify"],
            ["clean", reference, "--force"],
          ]
        ) {
          const { code, stderr } = await user.larder(args);
          assert.equal(code, 0, stderr);
          assertStoreSound(user.registry);
          assert.deepEqual(partials(user.registry), []);
        }
        assert.ok(Deno.lstatSync(join(user.registry, tree)).isSymlink);
      });
    }
  },
);

linuxTest("commands exit with 7 and the reason for a path below /dev, /proc or /sys", async (t) => {
  const commands: readonly (readonly string[])[] = [
    ["--cache-dir", "/dev/shm/larder-test", "list"],
    ["--cache-dir", "/dev/shm/larder-test", "pull", "127.0.0.1:1/app"],
    ["--cache-dir", "/proc/larder-test", "verify"],
    ["--cache-dir", "link", "pull", "127.0.0.1:1/app"],
    ["--config", "/dev/shm/larder-test.yaml", "list"],
    ["--ca-file", "/sys/larder-test.pem", "pull", "127.0.0.1:1/app"],
    ["gc", "--unused", "1d", "--plan", "/dev/shm/larder-test.json"],
    ["gc", "--apply", "/dev/shm/larder-test.json"],
    ["run", "--dir", "/dev/shm", "127.0.0.1:1/app"],
  ];
  for (const args of commands) {
    await t.step(args.join(" "), async () => {
      using user = new TestUser();
      Deno.symlinkSync("/dev/shm", user.path("link"));
      const { code, stderr } = await user.larder(args);
      assert.equal(code, 7, stderr);
      assert.match(stderr, /below \/dev, \/proc and \/sys \[LDR_PERMISSION\]\nhint: use /);
    });
  }
});

Deno.test("--config and --ca-file read /dev/stdin", async () => {
  using user = new TestUser();
  const config = { stdin: `cache_dir: ${user.path("other")}\n` };
  const dir = await user.larder(["--config", "/dev/stdin", "dir"], config);
  assert.deepEqual([dir.code, dir.stdout], [0, `${user.path("other")}/registry\n`], dir.stderr);
  const pull = ["pull", "--ca-file", "/dev/stdin", "127.0.0.1:1/app"];
  const { code, stderr } = await user.larder(pull, { stdin: "garbage" });
  assert.equal(code, 2);
  assert.match(stderr, /cannot use \/dev\/stdin.*it has no certificate/);
});

/** Runs larder with bytes that are no UTF-8, which only a shell can pass on. */
const withBytes = (script: string) => ({ under: ["sh", "-c", `${script}; exec "$@"`, "sh"] });

linuxTest("commands name what is not UTF-8", async () => {
  using user = new TestUser();
  Deno.mkdirSync(user.path("folder"));
  const bytes = "$(printf '\\377')";
  const cases: readonly (readonly [string, number, RegExp])[] = [
    [`export HOME="$HOME/${bytes}"`, 2, /HOME is not valid UTF-8: .*xFF.*\[LDR_CONFIG\]/],
    [`export SSL_CERT_FILE="/${bytes}"`, 2, /is not valid UTF-8: .*xFF.*\[LDR_CONFIG\]/],
    [`set -- "$@" "a${bytes}"`, 2, /the argument "a\ufffd" is not valid UTF-8 \[LDR_USAGE\]/],
  ];
  for (const [script, exitCode, message] of cases) {
    const { code, stderr } = await user.larder(["pull", "127.0.0.1:1/app"], withBytes(script));
    assert.equal(code, exitCode, stderr);
    assert.match(stderr, message);
  }
});
