import assert from "node:assert/strict";
import { asDigest, type Digest } from "../../../src/oci/digest.ts";
import { type HistoryEvent, historyOf } from "../../../src/store/journal/history.ts";
import type { JournalEvent, MissCause } from "../../../src/store/journal/journal.ts";

const NAME = "ghcr.io/acme/app:v1";
const MINUTE = 60_000;

function digest(letter: string): Digest {
  return asDigest(`sha256:${letter.repeat(64)}`)!;
}

const at = (minute: number) => new Date(minute * MINUTE).toISOString();

function use(minute: number, cause?: MissCause, letter = "a", name = NAME): JournalEvent {
  const own = { name, digest: digest(letter), fetched: 10, saved: 0 };
  return { kind: "use", at: at(minute), ...own, ...(cause && { cause }) };
}

function sweep(minute: number, name = NAME): JournalEvent {
  const evicted = [{ name, rule: "unused", why: "unused for 31d", bytes: 1, lastUsed: 0 }];
  const left = { bytes: 1, entriesLeft: 0, bytesLeft: 0 };
  return { kind: "sweep", at: at(minute), by: "gc", evicted, entries: 1, ...left };
}

function damage(minute: number, name = NAME): JournalEvent {
  return { kind: "damage", at: at(minute), digest: digest("f"), names: [name] };
}

function history(...events: JournalEvent[]): HistoryEvent[] {
  return historyOf(events, (name) => name === NAME);
}

/** Returns the reason of the last event, which must be a fetch. */
function reason(...events: JournalEvent[]) {
  const last = history(...events).at(-1);
  assert.ok(last?.kind === "fetched");
  return last.because;
}

Deno.test("historyOf is empty for a name that the journal does not have", () => {
  const other = "ghcr.io/acme/other:v1";
  assert.deepEqual(history(use(1, "new", "a", other), sweep(2, other), damage(3, other)), []);
});

Deno.test("historyOf returns each event with its time", () => {
  const own = { name: NAME, digest: digest("a"), from: "bundle.tar", bytes: 10 };
  const imported: JournalEvent = { kind: "import", at: at(5), ...own };
  const events = history(use(1, "new"), use(2), sweep(3), damage(4), imported);
  assert.deepEqual(events.map((each) => [each.kind, each.at / MINUTE]), [
    ["fetched", 1],
    ["hit", 2],
    ["removed", 3],
    ["damaged", 4],
    ["imported", 5],
  ]);
});

Deno.test("historyOf tells what clients pushed and deleted", () => {
  const own = { name: NAME, digest: digest("a") };
  const events = history(
    { kind: "push", at: at(1), ...own },
    use(2),
    { kind: "deletion", at: at(3), ...own },
    { kind: "push", at: at(4), name: "local/other:v1", digest: digest("a") },
  );
  const removed = { by: "serve", rule: "asked", why: "a client deleted it" };
  assert.deepEqual(events, [
    { kind: "pushed", at: MINUTE, ...own },
    { kind: "hit", at: 2 * MINUTE, ...own, uses: 1, last: 2 * MINUTE },
    { kind: "removed", at: 3 * MINUTE, name: NAME, ...removed },
  ]);
});

Deno.test("historyOf folds the uses between two other events of an entry", () => {
  const other = "ghcr.io/acme/other:v1";
  const hits = (first: number, count: number) =>
    Array.from({ length: count }, (_, i) => [use(first + i), use(first + i, undefined, "a", other)])
      .flat();
  const events = historyOf(
    [
      use(0, "new"),
      ...hits(1, 13),
      sweep(20),
      use(21, "new"),
      ...hits(22, 2),
      use(25, undefined, "b"),
    ],
    () => true,
  );
  const shown = events.map((each) =>
    each.kind === "hit"
      ? `${each.name.slice(13)} ${each.uses} from ${each.at / MINUTE} to ${each.last / MINUTE}`
      : each.kind
  );
  assert.deepEqual(shown, [
    "fetched",
    "app:v1 13 from 1 to 13",
    "other:v1 15 from 1 to 23",
    "removed",
    "fetched",
    "app:v1 2 from 22 to 23",
    "app:v1 1 from 25 to 25",
  ]);
});

Deno.test("historyOf goes by the order of the events if a clock was set back", () => {
  assert.deepEqual(reason(use(9, "new"), sweep(8), use(1, "new")), {
    cause: "removed",
    by: history(sweep(8))[0],
  });
});

Deno.test("historyOf derives the reason of a fetch from earlier events", async (t) => {
  const swept = history(sweep(2))[0];
  const cases: [string, JournalEvent[], object][] = [
    ["first fetch", [use(1, "new")], { cause: "never seen" }],
    ["after a sweep", [use(1, "new"), sweep(2), use(3, "new")], { cause: "removed", by: swept }],
    ["after a sweep, with the record still there", [use(1, "new"), sweep(2), use(3, "missing")], {
      cause: "removed",
      by: swept,
    }],
    ["after a sweep and another fetch", [sweep(1), use(2, "new"), use(3, "new")], {
      cause: "deleted",
    }],
    ["deleted by hand", [use(1, "new"), use(2, "new")], { cause: "deleted" }],
    ["content deleted by hand", [use(1, "new"), use(2, "missing")], { cause: "deleted" }],
    ["content deleted before anything is known", [use(1, "missing")], { cause: "deleted" }],
    ["after damage", [use(1, "new"), damage(2), use(3, "missing")], {
      cause: "damaged",
      at: 2 * MINUTE,
    }],
    ["damage that the pull found", [use(1, "new"), use(2, "damaged")], {
      cause: "damaged",
      at: undefined,
    }],
    ["another platform", [use(1, "new"), use(2, "platform")], { cause: "platform" }],
    ["a moved tag", [use(1, "new", "b"), use(2, "moved", "c")], {
      cause: "moved",
      from: digest("b"),
    }],
    ["a tag that moved before anything is known", [use(1, "moved")], {
      cause: "moved",
      from: undefined,
    }],
    ["a moved tag, after others", [use(1, "new", "b"), damage(2), use(3, "moved", "c")], {
      cause: "moved",
      from: digest("b"),
    }],
    ["after a sweep of another entry", [
      use(1, "new"),
      sweep(2, "ghcr.io/acme/other:v1"),
      use(3, "new"),
    ], { cause: "deleted" }],
  ];
  for (const [name, events, expected] of cases) {
    await t.step(name, () => assert.deepEqual(reason(...events), expected));
  }
});

Deno.test("historyOf a digest returns the events of all its names, with the reasons of each name", () => {
  const other = "ghcr.io/acme/other:v1";
  const events = historyOf(
    [use(1, "new"), use(2, "new", "a", other), use(3, "new", "b")],
    (_, own) => own === digest("a"),
  );
  assert.deepEqual(events.map((each) => each.kind === "fetched" && each.because.cause), [
    "never seen",
    "never seen",
  ]);
});
