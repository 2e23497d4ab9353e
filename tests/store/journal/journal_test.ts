import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import {
  Journal,
  JOURNAL_SIZE,
  type JournalEvent,
  lastReasons,
  parseJournal,
  SWEEP_DETAILS,
  sweepEvent,
  type UseEvent,
} from "../../../src/store/journal/journal.ts";
import { childEnvironment } from "../../support/cli/environment.ts";
import { Layout } from "../../../src/store/layout.ts";
import { describe, filesIn, sampleBytes } from "../../support/cache/blobs.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const { digest } = describe(sampleBytes(10));

class Fixture extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
  readonly journal = new Journal(this.layout);

  constructor() {
    super();
    Deno.mkdirSync(this.layout.root);
  }
}

function use(minute: number, name = "ghcr.io/acme/app:v1"): UseEvent {
  const at = new Date(minute * 60_000).toISOString();
  return { kind: "use", at, name, digest, cause: "new", fetched: 10, saved: 5 };
}

Deno.test("Journal.read returns events in the order in which they were appended, whatever the clock said", () => {
  using fixture = new Fixture();
  const sweep = sweepEvent({
    at: new Date(2 * 60_000).toISOString(),
    by: "gc",
    evicted: [{ name: "a", digest, rule: "unused", why: "unused for 31d", bytes: 3, lastUsed: 0 }],
    bytes: 3,
    entriesLeft: 1,
    bytesLeft: 100,
  });
  const damage: JournalEvent = { kind: "damage", at: use(4).at, digest, names: ["a"] };
  fixture.journal.append([use(3), damage]);
  fixture.journal.append([]);
  fixture.journal.append([use(1)]);
  fixture.journal.append([sweep]);
  assert.deepEqual(fixture.journal.read(), [use(3), damage, use(1), sweep]);
});

Deno.test("Journal.read returns nothing without a file", () => {
  using fixture = new Fixture();
  assert.deepEqual(fixture.journal.read(), []);
});

Deno.test("parseJournal skips lines that are not events", () => {
  const good = JSON.stringify(use(1));
  const lines = [
    "",
    "{",
    "null",
    "[]",
    '"use"',
    "\u0000\u0000",
    good.slice(0, -20),
    good.replace("use", "flood"),
    good.replace('"fetched":10', '"fetched":-1'),
    good.replace(digest, "sha256:../../x"),
    good.replace("1970", "then"),
  ];
  const { events, badLines } = parseJournal([...lines, good].join("\n"));
  assert.deepEqual(events, [use(1)]);
  // Not the empty line, those that were cut short, and that of a kind which a newer larder may know.
  assert.deepEqual(badLines, [3, 4, 5, 6, 9, 10, 11]);
});

Deno.test("Journal.append writes a readable event after an incomplete one", () => {
  fc.assert(fc.property(fc.nat(), (cut) => {
    using fixture = new Fixture();
    fixture.journal.append([use(1)]);
    const { size } = Deno.statSync(fixture.layout.journal);
    Deno.truncateSync(fixture.layout.journal, cut % size);
    fixture.journal.append([use(2)]);
    const fail = ({ detail }: { detail: string }) => assert.fail(detail);
    assert.deepEqual(fixture.journal.read(fail), [use(2)]);
  }));
});

Deno.test("Journal.append rotates the file and keeps the latest events", () => {
  using fixture = new Fixture();
  const size = (path: string) => Deno.statSync(path).size;
  const batch = Array.from({ length: 500 }, (_, i) => use(i));
  for (let i = 0; i < 100; i++) fixture.journal.append(batch);
  fixture.journal.append([use(1_000_000)]);
  const files = filesIn(fixture.layout.root);
  assert.deepEqual(files, ["journal.jsonl", "journal.older.jsonl", "journal.reasons.jsonl"]);
  assert.ok(size(fixture.layout.journal) < JOURNAL_SIZE);
  assert.ok(size(fixture.layout.olderJournal) < 2 * JOURNAL_SIZE);
  assert.deepEqual(fixture.journal.read().at(-1), use(1_000_000));
});

Deno.test("Journal.history tells the last fetch and removal of an entry after any number of rotations", () => {
  using fixture = new Fixture();
  const { journal, layout } = fixture;
  const evicted = { digest, rule: "unused", why: "unused for 31d", bytes: 3, lastUsed: 0 };
  const left = { by: "gc", bytes: 3, entriesLeft: 1, bytesLeft: 100 };
  const sweep = (minute: number, ...names: string[]) =>
    sweepEvent({
      at: use(minute).at,
      evicted: names.map((name) => ({ ...evicted, name })),
      ...left,
    });
  const imported = (minute: number, name: string): JournalEvent => ({
    kind: "import",
    at: use(minute).at,
    name,
    digest,
    from: "bundle.tar",
    bytes: 3,
  });
  journal.append([use(1, "a"), imported(1, "b"), use(2, "b"), sweep(3, "a", "b"), use(4, "a")]);
  journal.append([imported(4, "c")]);
  const { cause: _, ...hit } = use(5, "a");
  const batch = Array.from({ length: 500 }, () => hit);
  for (let i = 0; i < 60; i++) journal.append(batch);
  assert.ok(journal.read().every(({ kind }) => kind === "use"));
  const reasons = journal.history().filter((event) => event.kind !== "use" || event.cause);
  assert.deepEqual(reasons, [
    use(2, "b"),
    { ...sweep(3, "a"), entries: 2 },
    { ...sweep(3, "b"), entries: 2 },
    use(4, "a"),
    imported(4, "c"),
  ]);
  assert.ok(Deno.statSync(layout.journalReasons).size < 1024 * 1024);
});

Deno.test("lastReasons keeps those of the newest entries if there are too many", () => {
  const events = Array.from({ length: 5000 }, (_, i) => use(i, `ghcr.io/acme/app${i}:v1`));
  const kept = lastReasons(events);
  assert.ok(kept.length > 1000 && kept.length < 5000, String(kept.length));
  assert.deepEqual(kept, events.slice(-kept.length));
});

Deno.test("sweepEvent names the most recently used entries up to its limit", () => {
  const evicted = Array.from({ length: SWEEP_DETAILS * 2 }, (_, i) => ({
    name: `app${i}`,
    rule: "max-size",
    why: "",
    bytes: 1,
    lastUsed: i,
  }));
  const event = sweepEvent({
    at: "1970-01-01",
    by: "gc",
    evicted,
    bytes: 9,
    entriesLeft: 0,
    bytesLeft: 0,
  });
  assert.equal(event.entries, SWEEP_DETAILS * 2);
  assert.equal(event.evicted.length, SWEEP_DETAILS);
  assert.equal(event.evicted.at(-1)!.lastUsed, SWEEP_DETAILS);
});

Deno.test("Journal.append does not fail if it cannot write", async (t) => {
  const cases: [string, (fixture: Fixture) => void][] = [
    ["the cache was deleted", (fixture) => Deno.removeSync(fixture.layout.root)],
    ["a folder is in its place", (fixture) => Deno.mkdirSync(fixture.layout.journal)],
    ["a file is in the place of the cache", (fixture) => {
      Deno.removeSync(fixture.layout.root);
      Deno.writeTextFileSync(fixture.layout.root, "");
    }],
  ];
  for (const [name, prepare] of cases) {
    await t.step(name, () => {
      using fixture = new Fixture();
      prepare(fixture);
      fixture.journal.append([use(1)]);
      assert.deepEqual(fixture.journal.read(), []);
    });
  }
});

Deno.test("Journal.append from several processes at once keeps every line whole", async () => {
  using fixture = new Fixture();
  const script = join(fixture.path, "writer.ts");
  const from = (path: string) => JSON.stringify(import.meta.resolve(path));
  Deno.writeTextFileSync(
    script,
    `import { Journal } from ${from("../../../src/store/journal/journal.ts")};
     import { Layout } from ${from("../../../src/store/layout.ts")};
     const [root, name] = Deno.args;
     const journal = new Journal(new Layout(root));
     const event = { kind: "use", at: "1970-01-01", name, digest: "${digest}", fetched: 1, saved: 1 };
     for (let i = 0; i < 200; i++) journal.append([event, event]);`,
  );
  const config = new URL("../../../deno.json", import.meta.url).pathname;
  const args = [
    "run",
    "-A",
    "--no-check",
    "--quiet",
    "--config",
    config,
    script,
    fixture.layout.root,
  ];
  const runs = ["one", "two", "three"].map((name) =>
    new Deno.Command(Deno.execPath(), {
      args: [...args, name],
      clearEnv: true,
      env: childEnvironment(),
    }).output()
  );
  for (const { code, stderr } of await Promise.all(runs)) {
    assert.equal(code, 0, new TextDecoder().decode(stderr));
  }
  const names = fixture.journal.read().map((event) => event.kind === "use" && event.name);
  for (const name of ["one", "two", "three"]) {
    assert.equal(names.filter((each) => each === name).length, 400);
  }
});
