import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import {
  Journal,
  JOURNAL_SIZE,
  type JournalEvent,
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

class Bench extends TemporaryFolder {
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

Deno.test("what is appended is read again, oldest first", () => {
  using bench = new Bench();
  const sweep = sweepEvent({
    at: new Date(2 * 60_000).toISOString(),
    by: "gc",
    evicted: [{ name: "a", digest, rule: "unused", why: "unused for 31d", bytes: 3, lastUsed: 0 }],
    bytes: 3,
    entriesLeft: 1,
    bytesLeft: 100,
  });
  const damage: JournalEvent = { kind: "damage", at: use(4).at, digest, names: ["a"] };
  bench.journal.append([use(3), damage]);
  bench.journal.append([]);
  bench.journal.append([use(1)]);
  bench.journal.append([sweep]);
  assert.deepEqual(bench.journal.read(), [use(1), sweep, use(3), damage]);
});

Deno.test("a journal that is not there has nothing", () => {
  using bench = new Bench();
  assert.deepEqual(bench.journal.read(), []);
});

Deno.test("lines that are no events are passed over", () => {
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
  assert.deepEqual(parseJournal([...lines, good].join("\n")), [use(1)]);
});

Deno.test("an event that was cut short anywhere spoils only itself", () => {
  fc.assert(fc.property(fc.nat(), (cut) => {
    using bench = new Bench();
    bench.journal.append([use(1)]);
    const { size } = Deno.statSync(bench.layout.journal);
    Deno.truncateSync(bench.layout.journal, cut % size);
    bench.journal.append([use(2)]);
    assert.deepEqual(bench.journal.read(), [use(2)]);
  }));
});

Deno.test("the journal does not grow without bound, and the latest events stay", () => {
  using bench = new Bench();
  const size = (path: string) => Deno.statSync(path).size;
  const batch = Array.from({ length: 500 }, (_, i) => use(i));
  for (let i = 0; i < 100; i++) bench.journal.append(batch);
  bench.journal.append([use(1_000_000)]);
  const files = filesIn(bench.layout.root);
  assert.deepEqual(files, ["journal.jsonl", "journal.older.jsonl"]);
  assert.ok(size(bench.layout.journal) < JOURNAL_SIZE);
  assert.ok(size(bench.layout.olderJournal) < 2 * JOURNAL_SIZE);
  assert.deepEqual(bench.journal.read().at(-1), use(1_000_000));
});

Deno.test("of a sweep of very many entries those are named that were used last", () => {
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

Deno.test("where nothing can be written, nothing is, and nobody fails", async (t) => {
  const cases: [string, (bench: Bench) => void][] = [
    ["the cache is gone", (bench) => Deno.removeSync(bench.layout.root)],
    ["a folder has its name", (bench) => Deno.mkdirSync(bench.layout.journal)],
    ["a file is in the cache's place", (bench) => {
      Deno.removeSync(bench.layout.root);
      Deno.writeTextFileSync(bench.layout.root, "");
    }],
  ];
  for (const [name, spoil] of cases) {
    await t.step(name, () => {
      using bench = new Bench();
      spoil(bench);
      bench.journal.append([use(1)]);
      assert.deepEqual(bench.journal.read(), []);
    });
  }
});

Deno.test("several processes append at once, and no line is torn", async () => {
  using bench = new Bench();
  const script = join(bench.path, "writer.ts");
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
    bench.layout.root,
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
  const names = bench.journal.read().map((event) => event.kind === "use" && event.name);
  for (const name of ["one", "two", "three"]) {
    assert.equal(names.filter((each) => each === name).length, 400);
  }
});
