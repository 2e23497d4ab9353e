import assert from "node:assert/strict";
import fc from "fast-check";
import { compileFilter } from "../../../src/cli/query/filter.ts";
import type { Item } from "../../../src/cli/query/items.ts";
import { PointedError } from "../../../src/cli/errors.ts";
import { failureOf } from "../../support/failure_of.ts";
import { item, NOW } from "../../support/cache/items.ts";

const blob = item({ type: "blob", name: "sha256:00", group: "data", holders: 3 });
const pinned = item({ pin: { note: "for the demo" } });
const spins = item({
  writtenBy: "spin",
  name: "docker.io/library/nginx:1.27",
  group: "docker.io/library/nginx",
});

/** Filters, items, and whether they match. */
const ANSWERS: [string, Item, boolean][] = [
  [
    'type == "app" && size > bytes("100MB") && unused > duration("30d") && name.startsWith("ghcr.io/acme/")',
    item(),
    true,
  ],
  ['size > bytes("200MB")', item(), false],
  ['size >= bytes("200MB")', item(), true],
  ['size < bytes("191 MiB")', item(), true],
  ['size == bytes("200000000B")', item(), true],
  ["size > 0 && 0 < unique", item(), true],
  ["size > 100 * 1000 * 1000", item(), true],
  ["holders < 1.5", item(), true],
  ["shared == size - unique", item(), true],
  ['unused > duration("40d")', item(), false],
  ['unused >= duration("5w5d")', item(), true],
  ['age - unused == duration("240h")', item(), true],
  ['created < timestamp("2026-02-01T00:00:00Z")', item(), true],
  ['lastUsed > now - duration("41d")', item(), true],
  ["created.getFullYear() == 2026", item(), true],
  ['type in ["package", "image"]', item(), false],
  ['type == "blob" && holders == 3 && group == "data"', blob, true],
  ['registry == "" && tag == ""', blob, true],
  ["type(type) == string", item(), true],
  ['["app", "x"].exists(type, type == "x")', item(), true],
  ["!pinned", item(), true],
  ['pinned && note.contains("demo")', pinned, true],
  ['registry == "ghcr.io" && tag == "v1"', item(), true],
  ['writtenBy == "spin" && tag.matches("^1[.]")', spins, true],
  ['problem == "" && !damaged', item(), true],
  ["damaged", item({ problem: "its manifest is missing" }), true],
  ['checked < timestamp("1971-01-01T00:00:00Z")', item(), true],
  ["digest.short().size() == 12", item(), true],
  ['size.human() == "190.73 MiB"', item(), true],
  ['name == "bytes(\\"duration\\")" || true', item(), true],
  ["true", item(), true],
  ["holders <\n  5", item(), true],
];

for (const [text, subject, answer] of ANSWERS) {
  Deno.test(`compileFilter: ${text} is ${answer} for ${subject.name}`, async () => {
    assert.equal((await compileFilter(text, NOW))(subject), answer);
  });
}

/** Bad filters, their errors, the marked offset, and the hint. */
const WRONG: [string, RegExp, string, RegExp][] = [
  ["sizee > 3", /at column 1: there is no field "sizee"$/, "^", /^did you mean size\?$/],
  ["holders > 3 && nam == 'x'", /at column 16: .*"nam"$/, "               ^", /^did you mean name/],
  ["colour == 'x'", /no field "colour"$/, "^", /^the fields are type, name, /],
  ["size >", /at column 7: unexpected token: the end$/, "      ^", /docs\/filters\.md/],
  ["", /at column 1: unexpected token: the end$/, "^", /docs/],
  ["size = 3", /at column 6: unexpected character: =$/, "     ^", /docs/],
  ["unused > 30d", /at column 10: .* in quotes$/, "         ^", /^write duration\("30d"\)$/],
  ["unused > 1w 2d", /at column 10: /, "         ^", /^write duration\("1w 2d"\)$/],
  ["size > 100MB", /at column 8: .* in quotes$/, "       ^", /^write bytes\("100MB"\)$/],
  ["true && size > 1.5 GiB", /at column 16: /, "               ^", /^write bytes\("1.5 GiB"\)$/],
  ["size > 5m", /in quotes$/, "       ^", /^write bytes\("5m"\) or duration\("5m"\)$/],
  ["size > 100xyz", /at column 11: unexpected "xyz"$/, "          ^", /docs/],
  [
    "size > 20",
    /at column 8: 20 has no unit$/,
    "       ^",
    /^write bytes\("20MB"\), or bytes\("20 B"\) for bytes$/,
  ],
  ["3000000 != unique", /at column 1: 3000000 has no unit$/, "^", /^write bytes\("3 MB"\)$/],
  ["!(shared <= 1.5)", /at column 13: 1.5 has no unit$/, "            ^", /^write bytes/],
  ["unused > 30", /at column 10: 30 has no unit$/, "         ^", /^write duration\("30d"\)$/],
  ['size > bytes("20")', /at column 14: the size "20" has no unit$/, "             ^", /20GB/],
  ['unused > duration("30")', /duration "30" has no unit$/, "                  ^", /30d/],
  ['unused > duration("1M")', /minutes or months$/, "                  ^", /mo for months/],
  ['unused > duration("5q")', /at column 19: not a duration: "5q"$/, "                  ^", /30d/],
  ['size > bytes("much")', /at column 14: not a size: "much"$/, "             ^", /500MB/],
  ["size > bytes(5)", /at column 8: there is no function bytes\(int\)$/, "       ^", /docs/],
  ['size > "5"', /at column 1: there is no operator int > string$/, "^", /docs/],
  ["unused > size", /no operator duration > int$/, "^", /docs/],
  ["'abc", /unterminated string$/, "^", /docs/],
  ["name", /the result is of type string, not true or false$/, "^", /compare it/],
  ["size", /of type int/, "^", /compare it/],
  ["true &&\n  size &&& 3", /at line 2, column 10: /, "         ^", /docs/],
  ["nam\u001b[31me", /./, "   ^", /./],
];

for (const [text, message, mark, hint] of WRONG) {
  Deno.test(`compileFilter rejects ${JSON.stringify(text)} and points at the mistake`, async () => {
    const error = await failureOf(compileFilter(text, NOW));
    assert.ok(error instanceof PointedError);
    assert.equal(error.exitCode, 2);
    assert.match(error.message, /^bad filter at /);
    assert.match(error.message, message);
    const [line, place] = error.details;
    assert.equal(place, `  ${mark}`);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(line!, /[\x00-\x1f]/);
    assert.match(error.hint, hint);
  });
}

Deno.test("a filter that fails on the values of an item names the item", async () => {
  for (const text of ["size / holders > 1", "size > bytes(name)", "dyn(size)"]) {
    const filter = await compileFilter(text, NOW);
    assert.throws(
      () => filter(item()),
      (error) => error instanceof PointedError && error.exitCode === 2,
    );
  }
  const filter = await compileFilter("5 / holders == 1", NOW);
  assert.equal(filter(item({ holders: 4 })), true);
  assert.throws(() => filter(item()), /division by zero \(of ghcr\.io\/acme\/shop:v1\)/);
});

Deno.test("compileFilter shows a long filter around the mistake", async () => {
  const text = `${'name == "x" || '.repeat(30)}sizee > 3${' || name == "x"'.repeat(30)}`;
  const error = await failureOf(compileFilter(text, NOW));
  assert.ok(error instanceof PointedError);
  const [line, mark] = error.details;
  assert.ok(line!.length < 140);
  assert.equal(line!.slice(mark!.indexOf("^")).slice(0, 5), "sizee");
});

Deno.test("a filter compares sizes and durations of any magnitude as numbers", () => {
  const amount = fc.integer({ min: 0, max: 2 ** 50 });
  const days = fc.integer({ min: 0, max: 4000 });
  return fc.assert(
    fc.asyncProperty(amount, amount, days, days, async (size, limit, age, least) => {
      const filter = await compileFilter(
        `size > bytes("${limit}B") && unused >= duration("${least}d")`,
        NOW,
      );
      const subject = item({ size, lastUsed: NOW - age * 86_400_000 });
      assert.equal(filter(subject), size > limit && age >= least);
    }),
    { numRuns: 50 },
  );
});
