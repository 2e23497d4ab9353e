import assert from "node:assert/strict";
import { join } from "node:path";
import { statIfAny } from "../../src/base/files/files.ts";
import { blob, image } from "../support/cache/artifacts.ts";
import { DAY } from "../support/cache/test_cache.ts";
import { TestCacheHome } from "../support/cache/test_cache_home.ts";

const OLD = { used: 40 * DAY };
const SPECIFICATION = blob("specification").descriptor.digest;
const COMPONENT = blob("component").descriptor.digest;
const LEASE = `leases/77-${crypto.randomUUID()}.json`;
const APP = "manifests/ghcr.io/acme/app/v1";
const PACKAGE = "packages/deb/hello/1/amd64";

/** A cache in which a pattern pins `nginx`, a `pin.json` pins `pinned`, and nothing pins the others. */
function filled(): TestCacheHome {
  const home = new TestCacheHome({ now: Date.now() });
  home.pulled("ghcr.io/acme/app:v1", image(["one"]), OLD);
  home.pulled("ghcr.io/acme/pinned:v1", image(["two"]), { ...OLD, pinned: true });
  home.pulled("ghcr.io/acme/other:v1", image(["three"]), OLD);
  home.pulled("docker.io/library/nginx:latest", image(["four"]), OLD);
  home.package("deb/hello/1/amd64", blob("package"), OLD);
  home.build("disk", SPECIFICATION, blob("built"), OLD);
  home.compiled(COMPONENT, "engine-1", [blob("code")], OLD);
  home.write("pins.json", { schemaVersion: 1, pins: [{ pattern: "docker.io/library/nginx:*" }] });
  home.write("journal.jsonl", `\n${JSON.stringify(SWEEP)}`);
  home.write(LEASE, { schemaVersion: 2 });
  return home;
}

const SWEEP = {
  kind: "sweep",
  at: "2026-01-01T00:00:00.000Z",
  by: "gc",
  evicted: [],
  entries: 0,
  bytes: 0,
  entriesLeft: 1,
  bytesLeft: 1,
};

/** larder's own files, and a document of each with one bad element. */
const OWN_FILES: Readonly<Record<string, string>> = {
  "pins.json": '{"schemaVersion":1,"pins":[{"pattern":"docker.io/library/nginx:*"},{"note":1}]}',
  "manifests/ghcr.io/acme/pinned/v1/pin.json": '{"note":7}',
  [`${APP}/record.json`]: '{"schemaVersion":1,"reference":7}',
  [`${PACKAGE}/record.json`]: '{"schemaVersion":1,"source":7}',
  [`builds/${SPECIFICATION}/record.json`]: '{"schemaVersion":1,"name":7}',
  [`compiled/${COMPONENT}/engine-1/record.json`]: '{"schemaVersion":1,"files":[7]}',
  "journal.jsonl": `\n${JSON.stringify(SWEEP)}\n{"kind":"use","at":7}`,
  [LEASE]: '{"schemaVersion":1,"pid":"x"}',
};

type Damage = (path: string, oneBad: string) => void;

const DAMAGES: Readonly<Record<string, Damage>> = {
  "is empty": (path) => Deno.writeTextFileSync(path, ""),
  "is not JSON": (path) => Deno.writeTextFileSync(path, "{oops"),
  "is of another type": (path) => Deno.writeTextFileSync(path, "[7]"),
  "has one bad element": (path, oneBad) => Deno.writeTextFileSync(path, oneBad),
  "is huge": (path) => Deno.writeFileSync(path, new Uint8Array(5 << 20).fill(120)),
  "is a folder": (path) => (Deno.removeSync(path), Deno.mkdirSync(path)),
  "is a dangling link": (path) => (Deno.removeSync(path), Deno.symlinkSync("nowhere", path)),
};

/** Commands that change nothing of the entries, and their exit codes. */
const HARMLESS: readonly (readonly [command: string, code: number])[] = [
  ["list", 0],
  ["list -v", 0],
  ["df", 0],
  ["gc --unused 1d --dry-run", 0],
  ["clean ghcr.io/acme/other:v1 --dry-run", 0],
  ["info ghcr.io/acme/other:v1", 0],
  ["why ghcr.io/acme/other:v1", 0],
  ["outdated ghcr.io/acme/other@*", 3],
  ["pins", 0],
  ["stats", 0],
  ["pin ghcr.io/acme/other:v1", 0],
  ["unpin ghcr.io/acme/other:v1", 0],
  ["verify ghcr.io/acme/other:v1", 0],
];

const [PINS, PIN] = Object.keys(OWN_FILES);

for (const [file, oneBad] of Object.entries(OWN_FILES)) {
  for (const [row, [damage, apply]] of Object.entries(DAMAGES).entries()) {
    Deno.test(`every command goes on, gc keeps what may be pinned, and verify --repair repairs it if ${file} ${damage}`, async () => {
      using home = filled();
      const path = join(home.registry, file);
      apply(path, oneBad);
      // An empty pins.json was made for its lock.
      const isSeen = file !== LEASE &&
        !(damage === "is empty" && (file === PINS || file === "journal.jsonl"));
      const mayBePinned = file === PINS && damage !== "is empty";
      // All commands read the pins; of each other file, each meets every third damage. What is pinned is unpinned.
      const commands = HARMLESS.filter(([command], i) =>
        file === PINS || (i + row) % 3 === 0 || /^(un)?pin /.test(command)
      );
      for (const [command, code] of commands) {
        const result = await home.larder(...command.split(" "));
        const isKept = mayBePinned && command.startsWith("clean");
        assert.equal(result.code, isKept ? 1 : code, `${command}: ${result.stderr}`);
        if (file === PINS && isSeen && /^(list|df|gc|clean|info|why|pin)/.test(command)) {
          assert.match(
            result.stderr,
            /^warning: \S+pins\.json is damaged: .*verify --repair/m,
            command,
          );
          assert.equal(result.stderr.match(/warning: .*damaged/g)!.length, 1, command);
        }
      }
      if (file === "journal.jsonl" && isSeen) {
        const { stderr } = await home.larder("stats");
        assert.match(stderr, /^warning: \S+journal\.jsonl is damaged: (line|it) /m);
      }
      const before = await home.larder("verify");
      assert.equal(before.code, isSeen ? 5 : 0, before.stdout + before.stderr);
      if (isSeen) assert.ok(before.stdout.includes(file), before.stdout);

      assert.equal((await home.larder("gc", "--unused", "1d", "--force")).code, 0);
      assert.deepEqual(missingOf(home, "ghcr.io/acme/pinned/v1"), []);
      if (file !== PINS || mayBePinned) {
        assert.deepEqual(missingOf(home, "docker.io/library/nginx/latest"), []);
      }
      const other = join(home.registry, "manifests/ghcr.io/acme/other/v1/record.json");
      assert.equal(statIfAny(other) !== undefined, mayBePinned);

      if (file === PIN || file === PINS || file === "journal.jsonl") {
        const repaired = await home.larder("verify", "--repair", "--offline");
        assert.equal(repaired.code, 0, repaired.stdout + repaired.stderr);
        const after = await home.larder("verify");
        assert.deepEqual([after.code, after.stdout], [0, ""], after.stderr);
        assert.equal((await home.larder("list")).stderr, "");
        assert.equal((await home.larder("gc", "--unused", "1d", "--force")).code, 0);
        assert.deepEqual(missingOf(home, "ghcr.io/acme/pinned/v1"), []);
      }
    });
  }
}

Deno.test("list and verify do not call the pins of a newer larder damaged", async () => {
  using home = filled();
  home.write("pins.json", { schemaVersion: 2, pins: [] });
  const { stderr } = await home.larder("list");
  assert.match(
    stderr,
    /^warning: \S+pins\.json: a newer larder wrote it; any entry may be pinned, .*; use the newer larder$/m,
  );
  for (const args of [["verify"], ["verify", "--repair"]]) {
    const { code, stdout, stderr } = await home.larder(...args);
    assert.equal(code, 5);
    assert.doesNotMatch(stdout, /--repair/);
    assert.match(stderr, /^hint: use the newer larder$/m);
  }
});

/** Returns the files of an entry that are missing. */
function missingOf(home: TestCacheHome, entry: string): string[] {
  return ["manifest.json", "config.json", "record.json"].filter((name) =>
    statIfAny(join(home.registry, "manifests", entry, name)) === undefined
  );
}

for (const [damage, apply] of Object.entries(DAMAGES)) {
  if (damage === "is a folder" || damage === "is a dangling link") continue;
  Deno.test(`gc and clean keep everything while a process holds a lease that ${damage}`, async () => {
    using home = filled();
    const path = join(home.registry, LEASE);
    apply(path, OWN_FILES[LEASE]!);
    {
      using file = Deno.openSync(path, { read: true });
      file.lockSync(false);
      for (
        const command of ["gc --unused 1d --force", "clean ghcr.io/acme/other:v1 --force", "df"]
      ) {
        const { code, stderr } = await home.larder(...command.split(" "));
        assert.equal(code, command.startsWith("clean") ? 1 : 0, stderr);
        assert.match(
          stderr,
          /^warning: cannot tell what process 77 uses: \S+leases.77-\S+ is damaged, .*; gc/m,
        );
      }
      assert.equal(JSON.parse((await home.larder("list", "--format", "json")).stdout).length, 7);
    }
    assert.equal((await home.larder("gc", "--unused", "1d", "--force")).code, 0);
    assert.equal(JSON.parse((await home.larder("list", "--format", "json")).stdout).length, 2);
    assert.equal(statIfAny(path), undefined);
  });
}

Deno.test("clean --include-pinned removes an entry that may be pinned", async () => {
  using home = filled();
  home.write("pins.json", "{");
  const kept = await home.larder("clean", "ghcr.io/acme/other:v1", "--force");
  assert.equal(kept.code, 1);
  assert.match(kept.stderr, / is kept: may be pinned: not all of pins\.json can be read /);
  const args = ["clean", "ghcr.io/acme/other:v1", "--force", "--include-pinned"];
  const { code, stderr } = await home.larder(...args);
  assert.equal(code, 0);
  assert.match(stderr, /removed 1 entry$/m);
});
