import assert from "node:assert/strict";
import { image } from "../../../support/cache/artifacts.ts";
import { DAY } from "../../../support/cache/test_cache.ts";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";

const ONE = image(["one layer"]);
const OLD = { used: 40 * DAY };

function filled(): TestCacheHome {
  const home = new TestCacheHome({ now: Date.now() });
  home.pulled("ghcr.io/acme/app:v1", ONE, OLD);
  home.pulled("ghcr.io/acme/team/app:v1", ONE, OLD);
  home.pulled("docker.io/library/nginx:latest", ONE, OLD);
  return home;
}

/** Returns the names of the entries that `gc` would remove. */
async function removable(home: TestCacheHome): Promise<string[]> {
  const { stdout } = await home.larder("gc", "--unused", "1d", "--dry-run", "--format", "json");
  return JSON.parse(stdout).remove.entries.map(({ name }: { name: string }) => name).sort();
}

Deno.test("pin keeps an entry until unpin, and records its note", async () => {
  using home = filled();
  const { code, stdout, stderr } = await home.larder("pin", "nginx", "--note", "the proxy");
  assert.deepEqual([code, stdout], [0, ""]);
  assert.equal(stderr, "pinned docker.io/library/nginx:latest\n");
  assert.deepEqual(await removable(home), ["ghcr.io/acme/app:v1", "ghcr.io/acme/team/app:v1"]);
  const pins = JSON.parse((await home.larder("pins", "--format", "json")).stdout);
  assert.deepEqual(pins.map(({ pinnedAt: _, ...pin }: Record<string, unknown>) => pin), [
    { name: "docker.io/library/nginx:latest", isPattern: false, entries: 1, note: "the proxy" },
  ]);
  const back = await home.larder("unpin", "nginx");
  assert.deepEqual([back.code, back.stderr], [0, "unpinned nginx\n"]);
  assert.equal((await removable(home)).length, 3);
});

Deno.test("pin keeps the note of an earlier pin unless it is given another", async () => {
  using home = filled();
  for (const name of ["nginx", "ghcr.io/acme/*"]) {
    for (const [args, note] of [[["--note", "why"], "why"], [[], "why"], [["--note", "b"], "b"]]) {
      assert.equal((await home.larder("pin", name, ...args!)).code, 0);
      const pins = JSON.parse((await home.larder("pins", "--format", "json")).stdout);
      assert.deepEqual(pins.map((pin: { note: string }) => pin.note), [note]);
    }
    assert.equal((await home.larder("unpin", name)).code, 0);
  }
});

Deno.test("pin of a glob keeps matching entries, also those pulled later", async () => {
  using home = filled();
  const { code, stderr } = await home.larder("pin", "ghcr.io/acme/*");
  assert.equal(code, 0);
  assert.equal(stderr, "pinned ghcr.io/acme/*: 2 entries now, and all later ones\n");
  home.pulled("ghcr.io/acme/new:v1", ONE, OLD);
  assert.deepEqual(await removable(home), ["docker.io/library/nginx:latest"]);
  const table = (await home.larder("pins")).stdout.trimEnd().split("\n");
  assert.deepEqual(table[0]!.split(/ {2,}/), ["NAME", "ENTRIES", "PINNED"]);
  assert.deepEqual(table[1]!.split(/ {2,}/).slice(0, 2), ["ghcr.io/acme/*", "3"]);
  assert.equal((await home.larder("unpin", "ghcr.io/acme/*")).code, 0);
  assert.equal((await removable(home)).length, 4);
});

Deno.test("pin of a name that nothing has warns, and pins the entry once it is pulled", async () => {
  using home = filled();
  for (const name of ["quay.io/*", "redis:7"]) {
    const { code, stderr } = await home.larder("pin", name);
    assert.equal(code, 0);
    assert.match(stderr, /^warning: nothing in the cache matches (quay|docker)/);
  }
  home.pulled("quay.io/acme/app:v1", ONE, OLD);
  home.pulled("docker.io/library/redis:7", ONE, OLD);
  assert.equal((await removable(home)).length, 3);
  assert.equal((await home.larder("unpin", "redis:7")).code, 0);
  assert.ok((await removable(home)).includes("docker.io/library/redis:7"));
});

Deno.test("unpin of a name removes its pattern and the pin of the entry", async () => {
  using home = filled();
  await home.larder("pin", "redis:7");
  home.pulled("docker.io/library/redis:7", ONE, OLD);
  await home.larder("pin", "redis:7");
  assert.equal((await removable(home)).length, 3);
  const { code, stderr } = await home.larder("unpin", "redis:7");
  assert.deepEqual([code, stderr], [0, "unpinned redis:7\n"]);
  assert.ok((await removable(home)).includes("docker.io/library/redis:7"));
});

Deno.test("unpin of a pinned glob leaves the pins of single entries", async () => {
  using home = filled();
  await home.larder("pin", "nginx", "*nginx*");
  assert.equal((await home.larder("unpin", "*nginx*")).code, 0);
  assert.equal((await removable(home)).length, 2);
});

Deno.test("unpin warns if a pattern still pins the entry, and is exit 3 if it has no pin of its own", async () => {
  using home = filled();
  await home.larder("pin", "nginx", "*");
  const one = await home.larder("unpin", "nginx");
  assert.equal(one.code, 0);
  assert.match(one.stderr, /^warning: docker\.io\/library\/nginx:latest is still pinned by \*$/m);
  const again = await home.larder("unpin", "nginx");
  assert.equal(again.code, 3);
  assert.match(again.stderr, /has no pin of its own.*\[LDR_NOT_CACHED\]\nhint: larder unpin '\*'/);
  assert.equal((await home.larder("unpin", "nothing:at-all")).code, 3);
});

Deno.test("pin and unpin read docker:// as a reference, unless that is how the pattern was written", async () => {
  using home = filled();
  await home.larder("pin", "docker://nginx");
  assert.equal((await removable(home)).length, 2);
  assert.equal((await home.larder("unpin", "docker://nginx")).code, 0);
  assert.equal((await removable(home)).length, 3);
  await home.larder("pin", "ghcr.io/acme/*");
  const pattern = { pattern: "oci://ghcr.io/acme/*", pinnedAt: new Date().toISOString() };
  const file = JSON.parse(Deno.readTextFileSync(`${home.registry}/pins.json`));
  home.write("pins.json", JSON.stringify({ ...file, pins: [...file.pins, pattern] }));
  assert.equal((await home.larder("unpin", "oci://ghcr.io/acme/*")).code, 0);
  const { stdout } = await home.larder("pins", "--format", "json");
  assert.deepEqual(JSON.parse(stdout).map(({ name }: { name: string }) => name), [
    "ghcr.io/acme/*",
  ]);
});

Deno.test("pins and unpin say what is wrong with a damaged pattern", async () => {
  using home = filled();
  const pins = ["ghcr.io/acme/*", "", "a\u0007b"].map((pattern) => ({ pattern }));
  home.write("pins.json", JSON.stringify({ schemaVersion: 1, pins }));
  const rows = (await home.larder("pins")).stdout.trimEnd().split("\n").slice(1);
  assert.deepEqual(rows.map((row) => row.split(/ {2,}/)[0]), [
    "ghcr.io/acme/*",
    '"" (the pattern is empty)',
    '"a\\u0007b" (the pattern has control characters)',
  ]);
  const { code, stderr } = await home.larder("unpin", "");
  assert.equal(code, 0);
  assert.match(stderr, /^unpinned "" \(the pattern is empty\)$/m);
});

Deno.test("pins without any pin prints nothing to stdout, or [] with --format json", async () => {
  using home = new TestCacheHome();
  assert.deepEqual(await home.larder("pins"), {
    code: 0,
    stdout: "",
    stderr: "nothing is pinned\n",
  });
  assert.equal((await home.larder("pins", "--format", "json")).stdout, "[]\n");
});

for (const bad of ["", "   ", "nginx\n", "\u001b[2J", "a".repeat(1025), "*".repeat(1025)]) {
  Deno.test(`pin refuses ${JSON.stringify(bad.slice(0, 9))} and then pins none of the names`, async () => {
    using home = filled();
    const { code, stderr } = await home.larder("pin", "nginx", "quay.io/*", bad);
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /^error: cannot pin ".*": the pattern .*\[LDR_USAGE\]\nhint: write a name/,
    );
    assert.equal((await home.larder("pins", "--format", "json")).stdout, "[]\n");
  });
}

const LAYER = ONE.blobs[1]!.descriptor.digest;
const ABSENT = `sha256:${"0123456789abcdef".repeat(4)}`;

/** Digests that no entry has, and the hint. */
const NO_ENTRY: [string, RegExp][] = [
  [LAYER, /^hint: it is a manifest or blob of docker\.io\/library\/nginx:latest and 2 more: /m],
  [LAYER.slice(7, 20), /^hint: it is a manifest or blob of docker/m],
  [ABSENT, /^hint: write a name: .*@sha256:… for a digest$/m],
  ["sha256:01", /^hint: write a name: /m],
  [ABSENT.slice(7), /^hint: write a name: /m],
];

for (const [digest, hint] of NO_ENTRY) {
  for (const command of ["pin", "clean"]) {
    Deno.test(`${command} refuses the digest ${digest.slice(0, 20)} that no entry has`, async () => {
      using home = filled();
      const { code, stderr } = await home.larder(command, digest);
      assert.equal(code, 3, stderr);
      assert.match(stderr, /^error: no entry in the cache has the digest/);
      assert.match(stderr, hint);
      assert.equal((await home.larder("pins", "--format", "json")).stdout, "[]\n");
    });
  }
}

Deno.test("pin, why, info, unpin and clean take a digest or the beginning of one for the entry that has it", async () => {
  using home = filled();
  const other = image(["another layer"]);
  home.pulled("quay.io/acme/other:v1", other, OLD);
  const { digest } = other.descriptor;
  for (const text of [digest, digest.slice(0, 11), digest.slice(7, 19), digest.slice(7, 11)]) {
    const pinned = await home.larder("pin", text);
    assert.deepEqual([pinned.code, pinned.stderr], [0, "pinned quay.io/acme/other:v1\n"]);
    assert.ok(!(await removable(home)).includes("quay.io/acme/other:v1"));
    for (const command of ["info", "why"]) {
      const { stdout } = await home.larder(command, text, "--format", "json");
      assert.equal(JSON.parse(stdout).name, "quay.io/acme/other:v1");
    }
    assert.equal((await home.larder("unpin", text)).code, 0);
    assert.ok((await removable(home)).includes("quay.io/acme/other:v1"));
    const plan = await home.larder("clean", text, "--dry-run", "--format", "json");
    const { entries } = JSON.parse(plan.stdout).remove;
    assert.deepEqual(entries.map(({ name }: { name: string }) => name), ["quay.io/acme/other:v1"]);
  }
});

Deno.test("clean lists the entries if several digests have a beginning, and removes none", async () => {
  using home = filled();
  // Of 17 digests, two have the same first digit.
  const images = Array.from({ length: 17 }, (_, i) => image([`layer ${i}`]));
  images.forEach((each, i) => home.pulled(`quay.io/acme/app${i}:v1`, each, OLD));
  const byDigit = Map.groupBy(images, ({ descriptor }) => descriptor.digest[7]!);
  const [digit, alike] = [...byDigit].find(([, { length }]) => length > 1)!;
  const { code, stderr } = await home.larder("clean", `sha256:${digit}`, "--force");
  assert.equal(code, 2, stderr);
  assert.match(stderr, /is ambiguous: \d+ matches in the cache/);
  assert.ok(
    stderr.split("\n").filter((line) => line.includes("quay.io/acme")).length >= alike.length,
  );
  const { stdout } = await home.larder("list", "--format", "json");
  assert.equal(JSON.parse(stdout).length, 20);
});
