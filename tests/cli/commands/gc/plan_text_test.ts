import assert from "node:assert/strict";
import { planText } from "../../../../src/cli/commands/gc/plan_text.ts";
import type { Plan } from "../../../../src/gc/plan.ts";
import { NOW } from "../../../support/cache/fake_snapshot.ts";
import { DAY, HOUR } from "../../../support/cache/test_cache.ts";

type Removal = Plan["remove"]["entries"][number];

const DIGITS = "0123456789abcdef".repeat(4);

function removal(name: string, rule: string, why: string, more: Partial<Removal> = {}): Removal {
  const stamp = NOW - 40 * DAY;
  return { type: "image", name, path: name, stamp, pinned: false, rule, why, bytes: 1024, ...more };
}

function planOf(entries: Removal[], more: Partial<Plan> = {}): Plan {
  return {
    schemaVersion: 2,
    root: "/cache/registry",
    madeAt: new Date(NOW).toISOString(),
    bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0),
    remove: { entries, contents: [], partials: [], rubbish: [] },
    keep: [],
    keptFiles: [],
    shortfalls: [],
    ...more,
  };
}

function textOf(plan: Plan, verbose = false): string {
  return planText(plan, { now: NOW, verbose });
}

function kept(rule: string, count: number, why = ""): Plan["keep"] {
  return Array.from({ length: count }, (_, i) => ({
    type: "app",
    name: `ghcr.io/acme/kept${i}:v1`,
    rule,
    why,
    size: 2048,
  }));
}

Deno.test("planText shortens names to fit a terminal", () => {
  const name = `mirror.example/${"long/".repeat(20)}hello/1.0/amd64`;
  const plan = planOf([removal(name, "unused", "unused for 40d; the limit is 30d")], {
    keep: kept("young", 1),
  });
  assert.match(planText(plan, { now: NOW, verbose: false }), new RegExp(name));
  const text = planText(plan, { now: NOW, verbose: true, width: 80 });
  assert.deepEqual(text.split("\n").filter((line) => line.length > 80), []);
  assert.match(text, /mirror\.example.*….*hello\/1\.0\/amd64/);
});

Deno.test("planText groups removals by rule, with the sum and what their reasons have in common", () => {
  const text = textOf(planOf([
    removal("a:v1", "unused", "unused for 40d; the limit is 30d"),
    removal("b:v1", "unused", "unused for 50d; the limit is 30d", { bytes: 5 * 1024 ** 2 }),
    removal("c:v1", "max-size", "least recently used; the limit is 20 GB", { stamp: NOW - HOUR }),
  ]));
  assert.equal(
    text,
    `remove: 2 entries, 5.00 MiB (unused: the limit is 30d)
     FREES  LAST USED  TYPE   NAME
  5.00 MiB  40d ago    image  b:v1
  1.00 KiB  40d ago    image  a:v1

remove: 1 entry, 1.00 KiB (max-size: least recently used; the limit is 20 GB)
     FREES  LAST USED  TYPE   NAME
  1.00 KiB  1h ago     image  c:v1
`,
  );
});

Deno.test("planText keeps limits of different types apart, and shows reasons that differ", () => {
  const text = textOf(planOf([
    removal("a:v1", "max-count", "for the type image", { scope: "image" }),
    removal("b:v1", "max-count", "for the type app", { scope: "app", type: "app" }),
    removal("c:v1", "damaged", "its manifest is missing"),
    removal("d:v1", "damaged", "its record is damaged"),
  ]));
  assert.match(text, /^remove: 1 entry, 1\.00 KiB \(max-count: for the type image\)$/m);
  assert.match(text, /^remove: 1 entry, 1\.00 KiB \(max-count: for the type app\)$/m);
  assert.match(
    text,
    /^remove: 2 entries, 2\.00 KiB \(damaged\)\n.* NAME +WHY\n.* c:v1 +its manifest is missing\n.* d:v1 +its record is damaged$/m,
  );
});

Deno.test("planText of what a user requested names no rule", () => {
  const text = textOf(planOf([removal("a:v1", "asked", "requested")]));
  assert.match(text, /^remove: 1 entry, 1\.00 KiB \(requested\)\n/);
  assert.doesNotMatch(text, /asked/);
});

Deno.test("planText lists the 20 largest removals of a rule, and all with verbose", () => {
  const entries = Array.from(
    { length: 400 },
    (_, i) => removal(`app${i}:v1`, "max-size", "least recently used", { bytes: (i + 1) * 1024 }),
  );
  const lines = textOf(planOf(entries)).trimEnd().split("\n");
  assert.equal(lines.length, 23);
  assert.match(lines[2]!, /^ +400\.00 KiB .* app399:v1$/);
  assert.equal(lines.at(-1), "  … and 380 more (70.69 MiB); -v lists them");
  assert.equal(textOf(planOf(entries), true).trimEnd().split("\n").length, 402);
});

Deno.test("planText fits 80 columns with a name of 45 characters", () => {
  const name = `ghcr.io/${"a".repeat(16)}@sha256:${DIGITS}`;
  const entry = removal(name, "max-size", "least recently used; the limit is 20 GB", {
    bytes: 1000 * 1024 ** 3,
    type: "compiled",
  });
  const long = removal(
    "b:v1",
    "max-count",
    "least recently used; the limit is 10 entries for it all",
  );
  const keep = ["within limits", "pinned", "young"].flatMap((rule) => kept(rule, 9_999));
  const from = new Date(NOW + 59 * 60_000).toISOString();
  const until = new Date(NOW + HOUR).toISOString();
  const text = textOf(planOf([entry, long], {
    keep,
    keptFiles: [{ kind: "contents", rule: "young", count: 9_999, bytes: 0, from, until }],
  }));
  assert.ok(text.split("\n").every((line) => line.length <= 80), text);
  assert.ok(text.includes("@sha256:0123456789ab\n"));
});

Deno.test("planText sums up what is kept in one line by reason, most common first", () => {
  const keep = [...kept("pinned", 2), ...kept("within limits", 3), ...kept("young", 1)];
  assert.equal(
    textOf(planOf([], { keep })),
    "keep: 6 entries (3 not over a limit, 2 pinned, 1 used within the last hour)\n",
  );
  assert.equal(textOf(planOf([], { keep: kept("in use", 1) })), "keep: 1 entry (in use)\n");
});

Deno.test("planText lists what is removed besides entries", () => {
  const file = { path: "data/x", size: 10, mtime: 0 };
  const files = { entries: [], contents: [file, file], partials: [file], rubbish: [file, file] };
  assert.equal(
    textOf(planOf([], { bytes: 50, remove: files })),
    `remove: 2 unreferenced blobs and manifests, 20 B
remove: 1 partial download, 10 B
remove: 2 leftover files, 20 B
`,
  );
});
