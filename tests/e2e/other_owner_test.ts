import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { blob, image } from "../support/cache/artifacts.ts";
import { filesBelow } from "../support/cache/store_check.ts";
import { DAY } from "../support/cache/test_cache.ts";
import { TestCacheHome } from "../support/cache/test_cache_home.ts";
import {
  AS_USER,
  giveBack,
  hasOtherOwner,
  otherOwnerTest,
  takeAway,
} from "../support/cli/other_owner.ts";
import { type Result, TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

const OLD = { used: 40 * DAY };
const ONE = image(["one"]);
const SPECIFICATION = blob("specification").descriptor.digest;
const COMPONENT = blob("component").descriptor.digest;
const OTHER = "docker.io/library/other:v1";
const APP = "manifests/ghcr.io/acme/app";
const EVENT = '\n{"kind":"damage","at":"2026-01-01","digest":"' + COMPONENT + '","names":[]}';

const UNREFERENCED = `data/${blob("unreferenced").descriptor.digest}`;

class Fixture implements Disposable {
  readonly #home = new TestCacheHome({ now: Date.now() });
  readonly #user = new TestUser();

  constructor() {
    const home = this.#home;
    home.pulled("ghcr.io/acme/app:v1", ONE, { ...OLD, pinned: true });
    home.pulled(OTHER, image(["other"]), OLD);
    home.package("deb/hello/1/amd64", blob("package"), OLD);
    home.build("disk", SPECIFICATION, blob("built"), OLD);
    home.compiled(COMPONENT, "engine-1", [blob("code")], OLD);
    home.blobs([blob("unreferenced")], 40 * DAY);
    home.write(`partial/${COMPONENT}`, "half", 40 * DAY);
    home.write(`archives/${COMPONENT}`, "", 40 * DAY);
    home.write("pins.json", { schemaVersion: 1, pins: [{ pattern: OTHER }] });
    home.write("journal.jsonl", EVENT);
    home.write("journal.older.jsonl", EVENT);
    // No process has this number.
    home.write("leases/4194305-0a.json", {
      schemaVersion: 1,
      pid: 4194305,
      command: "larder run",
      startedAt: "2026-01-01T00:00:00Z",
      folders: [],
      digests: [],
    });
  }

  path(name: string): string {
    return join(this.#home.registry, name);
  }

  /** Returns the files of entries and content, as paths in the cache. */
  files(): string[] {
    return filesBelow(this.#home.registry).map((path) => path.slice(this.#home.registry.length + 1))
      .filter((path) => !/^(?:lock|gate|leases|journal|partial|archives)/.test(path)).sort();
  }

  larder(...args: string[]): Promise<Result> {
    const options = ["--cache-dir", dirname(this.#home.registry)];
    return this.#user.larder([...options, ...args], { under: AS_USER });
  }

  [Symbol.dispose](): void {
    this.#user[Symbol.dispose]();
    this.#home[Symbol.dispose]();
  }
}

/** What the user may not read, and what gc then keeps. */
const PLACES: readonly (readonly [path: string, kept: "all" | "entries" | "blobs" | "none"])[] = [
  ["manifests", "blobs"],
  ["manifests/ghcr.io", "blobs"],
  [APP, "blobs"],
  [`${APP}/v1`, "blobs"],
  [`${APP}/v1/record.json`, "blobs"],
  [`${APP}/v1/manifest.json`, "blobs"],
  [`${APP}/v1/pin.json`, "none"],
  [`${APP}/${ONE.descriptor.digest}`, "blobs"],
  // The tag has the same manifest.
  [`${APP}/${ONE.descriptor.digest}/manifest.json`, "none"],
  ["packages", "blobs"],
  ["packages/deb/hello/1/amd64/record.json", "blobs"],
  ["builds", "blobs"],
  [`builds/${SPECIFICATION}/record.json`, "blobs"],
  ["compiled", "blobs"],
  [`compiled/${COMPONENT}/engine-1/record.json`, "blobs"],
  ["archives", "blobs"],
  ["data", "none"],
  [`data/${ONE.blobs[1]!.descriptor.digest}`, "none"],
  ["partial", "none"],
  ["leases", "all"],
  ["leases/4194305-0a.json", "all"],
  ["pins.json", "entries"],
  ["journal.jsonl", "none"],
  ["journal.older.jsonl", "none"],
];

/** Commands that a path of another user must not stop. */
const COMMANDS = [
  `info ${OTHER}`,
  `why ${OTHER}`,
  "pins",
  "stats",
  "df",
  "clean docker.io/library/* --include-pinned --dry-run",
  "outdated ghcr.io/acme/app@*",
];

for (const [place, kept] of PLACES) {
  otherOwnerTest(`list, gc and verify go on if the user may not read ${place}`, async () => {
    using fixture = new Fixture();
    const path = fixture.path(place);
    takeAway(path);
    const files = fixture.files();
    const list = await fixture.larder("list", "-v");
    assert.equal(list.code, 0, list.stderr);
    if (!place.startsWith("manifests")) assert.match(list.stdout, /^ghcr\.io\/acme\/app:v1 /m);
    if (place !== "manifests") assert.match(list.stdout, /^docker\.io\/library\/other:v1 /m);
    // A blob is stat'ed for a list; leases and the journal are not read.
    if (
      /^(?:manifests(?!.*sha256.*json)|packages|builds|compiled|archives|data$|partial|pins)/.test(
        place,
      )
    ) {
      assertWarning(list, path);
    }
    const verify = await fixture.larder("verify");
    assert.equal(verify.code, 5, verify.stderr);
    assert.match(verify.stdout, new RegExp(`^unreadable +${place.replaceAll(".", "\\.")} `, "m"));
    assert.match(verify.stderr, hasOtherOwner ? /^hint: sudo chown -R "\$USER" /m : /^hint: /m);

    const gc = await fixture.larder("gc", "--unused", "1d", "--force");
    assert.equal(gc.code, 0, gc.stderr);
    if (kept !== "none") assertWarning(gc, path);
    const gone = files.filter((file) => !fixture.files().includes(file));
    if (kept === "none") assert.ok(gone.some((file) => file.startsWith("builds/")), gc.stderr);
    else assert.deepEqual(gone, kept === "entries" ? [UNREFERENCED] : []);

    giveBack(path);
    const after = await fixture.larder("list", "-v");
    assert.deepEqual([after.code, after.stderr], [0, ""]);
    assert.match(after.stdout, /^ghcr\.io\/acme\/app:v1 /m);
    assert.match(after.stdout, /^docker\.io\/library\/other:v1 /m);
  });
}

otherOwnerTest(
  "completion, info and why of content go on beside what the user may not read",
  async () => {
    for (const place of [`${APP}/v1`, `${APP}/${ONE.descriptor.digest}`, `${APP}/v1/record.json`]) {
      using fixture = new Fixture();
      takeAway(fixture.path(place));
      const names = await fixture.larder("__complete");
      assert.match(names.stdout, /^docker\.io\/library\/other:v1$/m);
      const commands = [
        ["info", ONE.blobs[1]!.descriptor.digest],
        ["why", ONE.blobs[1]!.descriptor.digest],
        ...place.endsWith("v1")
          ? []
          : [["info", "ghcr.io/acme/app:v1"], ["why", "ghcr.io/acme/app:v1"]],
      ];
      for (const args of commands) {
        const { code, stderr } = await fixture.larder(...args);
        assert.equal(code, 0, `${place}: ${args.join(" ")}: ${stderr}`);
      }
    }
  },
);

otherOwnerTest(
  "info, why, clean and verify say of a name that its folder cannot be read",
  async () => {
    using fixture = new Fixture();
    takeAway(fixture.path(`${APP}/v1`));
    for (const command of ["info", "why", "clean --force", "verify"]) {
      const args = [...command.split(" "), "ghcr.io/acme/app:v1"];
      const { code, stderr } = await fixture.larder(...args);
      assert.equal(code, 7, `${command}: ${stderr}`);
      assert.match(stderr, /^error: cannot tell whether ghcr\.io\/acme\/app:v1 is in the cache: /m);
      assert.match(stderr, hasOtherOwner ? /^hint: sudo chown -R "\$USER" /m : /^hint: /m);
    }
  },
);

for (
  const place of [
    "manifests/ghcr.io",
    `${APP}/v1/record.json`,
    "pins.json",
    "journal.jsonl",
    "leases",
  ]
) {
  otherOwnerTest(`every other command goes on if the user may not read ${place}`, async () => {
    using fixture = new Fixture();
    takeAway(fixture.path(place));
    for (const command of COMMANDS) {
      const { code, stderr } = await fixture.larder(...command.split(" "));
      assert.equal(code, command.startsWith("outdated") ? 3 : 0, `${command}: ${stderr}`);
      assert.ok((stderr.match(/warning: cannot/g) ?? []).length <= 1, stderr);
    }
  });
}

otherOwnerTest("gc and df say that content is kept because files cannot be read", async () => {
  using fixture = new Fixture();
  takeAway(fixture.path("manifests/ghcr.io"));
  const gc = await fixture.larder("gc", "--unused", "1d", "--dry-run");
  assert.match(gc.stdout, /^keep: \d entr.*may be needed by what cannot be read/m);
  const df = await fixture.larder("df");
  assert.match(df.stdout, /^Kept for now: .*\n {2}\(may be needed by what cannot be read\)$/m);
  assert.doesNotMatch(df.stderr, /could free/);
});

otherOwnerTest("clean removes an entry, but no content, while references are unknown", async () => {
  using fixture = new Fixture();
  takeAway(fixture.path("manifests/ghcr.io"));
  const before = fixture.files();
  const { code, stderr } = await fixture.larder("clean", OTHER, "--include-pinned", "--force");
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /; gc and clean keep every blob until this is repaired: .*\n(?:.*\n)?freed .*, removed 1 entry$/m,
  );
  const gone = before.filter((file) => !fixture.files().includes(file));
  assert.deepEqual(gone.map(dirname), Array(3).fill("manifests/docker.io/library/other/v1"));
});

otherOwnerTest("why says that what cannot be read may need content", async () => {
  using fixture = new Fixture();
  takeAway(fixture.path(APP));
  const { stdout } = await fixture.larder("why", blob("unreferenced").descriptor.digest);
  assert.match(stdout, /^GC +will not remove it: what cannot be read may need it$/m);
});

otherOwnerTest("files of another user in several places are taken over together", async () => {
  using fixture = new Fixture();
  const [blob] = ONE.blobs.map(({ descriptor }) => `data/${descriptor.digest}`);
  for (const place of [`${APP}/v1`, `${APP}/${ONE.descriptor.digest}`, blob!]) {
    takeAway(fixture.path(place));
  }
  const gc = await fixture.larder("gc", "--unused", "1d", "--dry-run");
  assert.match(gc.stdout, /\(may be needed by what cannot be read\)$/m);
  assert.doesNotMatch(gc.stdout, /in use/);
  const full = await fixture.larder("gc", "--max-size", "0", "--dry-run");
  assert.match(full.stderr, /unreferenced content may be needed by what cannot be read/);
  const verify = await fixture.larder("verify");
  assert.match(verify.stdout, /^unreadable +data\/.* cannot read it: permission denied/m);
  if (!hasOtherOwner) return;
  const command = `sudo chown -R "$USER" ${fixture.path(".")}\n`;
  assert.ok(
    gc.stderr.includes(
      `(and 1 more); gc and clean keep every blob until this is repaired: ${command}`,
    ),
    gc.stderr,
  );
  assert.ok(verify.stderr.endsWith(`hint: ${command}`), verify.stderr);
});

otherOwnerTest(
  "a folder that the user may list, but not enter, does not stop list and gc",
  async () => {
    for (const place of [`${APP}/v1`, `${APP}/${ONE.descriptor.digest}`, "data"]) {
      using fixture = new Fixture();
      const path = fixture.path(place);
      Deno.chmodSync(path, 0o600);
      const files = fixture.files();
      for (const args of [["list", "-v"], ["gc", "--unused", "1d", "--force"]]) {
        const { code, stderr } = await fixture.larder(...args);
        assert.equal(code, 0, stderr);
        // Nothing in the folder of a digest has to be read if the tag has the same manifest.
        if (!place.includes("sha256:")) {
          assert.match(stderr, /^warning: cannot .*permission denied/);
        }
      }
      Deno.chmodSync(path, 0o700);
      if (place.endsWith("v1")) assert.deepEqual(fixture.files(), files);
    }
  },
);

otherOwnerTest(
  "pull and pin name the owner of what they may not read or write, and the chown line",
  async () => {
    await using registry = await TestRegistry.start();
    using user = new TestUser();
    const reference = registry.add("app", ONE, "v1");
    const other = registry.add("other", image(["other"]), "v1");
    const larder = (...args: string[]) => user.larder(args, { under: AS_USER });
    assert.equal((await larder("pull", reference)).code, 0);
    const tag = join(user.registry, "manifests", registry.host, "app/v1");
    const denials: readonly (readonly [path: string, args: string[]])[] = [
      [join(tag, "record.json"), ["pull", reference]],
      [tag, ["pull", reference]],
      [tag, ["pin", "quay.io/*", reference]],
      [join(user.registry, "manifests"), ["pull", other]],
      [join(user.registry, "data"), ["pull", other]],
      [join(user.registry, "lock"), ["pull", other]],
      [join(user.registry, "lock"), ["gc", "--force"]],
      [user.registry, ["pull", other]],
    ];
    for (const [path, args] of denials) {
      takeAway(path);
      const { code, stderr } = await larder(...args);
      giveBack(path);
      if (args[0] === "gc") assert.equal(code === 0 || code === 7, true, stderr);
      else if (args[0] === "pin") assert.equal(code, 0, stderr);
      else assert.equal(code, 7, `${path}: ${stderr}`);
      if (code !== 7 || !hasOtherOwner) continue;
      assert.match(
        stderr,
        /^error: cannot .*: permission denied, because .* belongs to nobody \[LDR_PERMISSION\]$/m,
      );
      assert.match(
        stderr,
        new RegExp(`^hint: sudo chown -R "\\$USER" ${path}, or use another folder`, "m"),
      );
    }
    assert.equal((await larder("pull", reference, other)).code, 0);
  },
);

/** Asserts one warning that names the path and, where there is one, its owner and the remedy. */
function assertWarning({ stderr }: Result, path: string): void {
  const warnings = stderr.split("\n").filter((line) => line.startsWith("warning: cannot "));
  assert.equal(warnings.length, 1, stderr);
  assert.ok(warnings[0]!.includes(path), stderr);
  if (!hasOtherOwner) return;
  assert.ok(warnings[0]!.includes("belongs to nobody"), stderr);
  assert.ok(warnings[0]!.includes(`sudo chown -R "$USER" ${path}`), stderr);
}
