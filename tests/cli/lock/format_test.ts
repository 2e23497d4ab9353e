import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../../../src/base/errors.ts";
import {
  EMPTY_LOCK,
  formatLock,
  type Lock,
  type LockedPackage,
  parseLock,
} from "../../../src/cli/lock/format.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { digestOf, utf8 } from "../../support/cache/artifacts.ts";

const digest = fc.string().map((text) => digestOf(utf8(text)) as Digest);
const word = fc.stringMatching(/^[a-z0-9]{1,12}$/);
const reference = fc.tuple(word, word).map(([name, tag]) => `ghcr.io/acme/${name}:${tag}`);
/** Also texts that YAML would read as something else than a text. */
const text = fc.oneof(
  word,
  fc.constantFrom(
    "1.0",
    "1e3",
    "null",
    "true",
    "~",
    "2026-01-01",
    "- a",
    "a: b",
    "#1",
    "ü\u0000'\"",
  ),
);
const locked: fc.Arbitrary<LockedPackage> = fc.record({
  name: text,
  version: text,
  arch: word,
  source: text,
  url: word.map((name) => `https://mirror.example/${name}`),
  file: fc.option(text, { nil: undefined }),
  digest,
  size: fc.option(fc.nat(), { nil: undefined }),
  from: fc.option(word, { nil: undefined }),
});

const lock: fc.Arbitrary<Lock> = fc.record({
  references: fc.array(fc.tuple(reference, digest)).map((each) => new Map(each)),
  lists: fc.array(fc.tuple(
    text,
    fc.record({
      names: fc.array(word),
      digest: fc.option(digest, { nil: undefined }),
    }),
  )).map((each) => new Map(each)),
  packages: fc.uniqueArray(locked, {
    selector: ({ from, name, version, arch, source }) =>
      JSON.stringify([from, name, version, arch, source]),
  }),
  specs: fc.array(fc.tuple(word.map((name) => `${name}.yaml`), digest))
    .map((each) => new Map(each)),
});

Deno.test("parseLock reads what formatLock writes", () => {
  fc.assert(fc.property(lock, (lock) => {
    const text = formatLock(lock);
    assert.equal(formatLock(parseLock(text)), text);
    const { references, specs, lists } = parseLock(text);
    assert.deepEqual([...references].sort(), [...lock.references].sort());
    assert.deepEqual([...specs].sort(), [...lock.specs].sort());
    assert.deepEqual([...lists.keys()].sort(), [...lock.lists.keys()].sort());
  }));
});

Deno.test("formatLock writes the same text for any order", () => {
  fc.assert(fc.property(lock, ({ references, lists, packages, specs }) => {
    const reversed = {
      references: new Map([...references].reverse()),
      lists: new Map([...lists].reverse()),
      packages: packages.toReversed(),
      specs: new Map([...specs].reverse()),
    };
    assert.equal(formatLock(reversed), formatLock({ references, lists, packages, specs }));
  }));
});

Deno.test("a new reference adds a line to a lock file, and changes no other", () => {
  fc.assert(fc.property(lock, reference, digest, (lock, name, digest) => {
    fc.pre(!lock.references.has(name) && lock.references.size > 0);
    const before = formatLock(lock).split("\n");
    const references = new Map([...lock.references, [name, digest] as const]);
    const after = formatLock({ ...lock, references }).split("\n");
    const line = `  ${name}: ${digest}`;
    assert.deepEqual(after.filter((each) => each !== line), before);
  }));
});

const A = digestOf(utf8("a"));
const PACKAGE =
  `  - {name: hello, version: "1", arch: amd64, source: s, url: "http://m/h", digest: ${A}}`;

/** Files that are no valid lock, and what is said of them. */
const BAD: readonly (readonly [name: string, text: string, problem: RegExp])[] = [
  [
    "a merge conflict",
    `schemaVersion: 1\nreferences:\n<<<<<<< HEAD\n  nginx: ${A}\n=======\n>>>>>>> topic\n`,
    /it has a merge conflict \(line 3\)/,
  ],
  ["a newer version", "schemaVersion: 2\nfuture: {}\n", /a newer larder wrote it/],
  ["no version", `references: {}\n`, /schemaVersion: missing/],
  ["no mapping", "- a\n", /not a lock file/],
  ["nothing", "", /not a lock file/],
  ["broken YAML", "schemaVersion: 1\n references: [\n", /line \d+, column \d+/],
  ["an unknown key", "schemaVersion: 1\nrefs: {}\n", /refs: unknown key/],
  ["a bad digest", "schemaVersion: 1\nreferences: {nginx: sha256:12}\n", /nginx: not a sha256/],
  ["a bad reference", `schemaVersion: 1\nreferences: {"a b": ${A}}\n`, /bad reference "a b"/],
  [
    "a reference twice",
    `schemaVersion: 1\nreferences:\n  nginx: ${A}\n  nginx: ${A}\n`,
    /the key occurs twice \(line 4/,
  ],
  [
    "a reference in two spellings",
    `schemaVersion: 1\nreferences:\n  nginx: ${A}\n  docker.io/library/nginx:latest: ${A}\n`,
    /nginx:latest occurs twice in references/,
  ],
  [
    "a package twice",
    `schemaVersion: 1\npackages:\n${PACKAGE}\n${PACKAGE}\n`,
    /the package hello 1 occurs twice/,
  ],
  ["a package without URL", `schemaVersion: 1\npackages: [{name: a}]\n`, /packages › 0 › version/],
  ["an alias bomb", "schemaVersion: 1\nlists: &a {x: *a}\n", /bad larder.lock/],
];

for (const [name, text, problem] of BAD) {
  Deno.test(`parseLock rejects a file with ${name}`, () => {
    assert.throws(
      () => parseLock(text),
      (error) => hasCode(error, "LDR_BAD_LOCK") && problem.test(error.message),
    );
  });
}

Deno.test("an empty lock file is its version alone", () => {
  assert.deepEqual(parseLock("schemaVersion: 1\nreferences:\n"), EMPTY_LOCK);
});
