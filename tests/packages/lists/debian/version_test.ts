import assert from "node:assert/strict";
import * as fc from "fast-check";
import { compareDebianVersions } from "../../../../src/packages/lists/debian/version.ts";
import { run } from "../../../support/cli/commands.ts";

/** Pairs of which the first is older. */
const OLDER: readonly (readonly [string, string])[] = [
  ["1.0~~", "1.0~~a"],
  ["1.0~~a", "1.0~"],
  ["1.0~", "1.0"],
  ["1.0~rc1", "1.0"],
  ["1.0~rc1-1", "1.0~rc1-1+b1"],
  ["1.0", "1.0-1"],
  ["1.0-1~bpo12+1", "1.0-1"],
  ["1.0-1", "1.0-1+b1"],
  ["1.0-1", "1.0-1.1"],
  ["1.0-9", "1.0-10"],
  ["1.9", "1.10"],
  ["2.9", "2.10-3"],
  ["1.0", "1.0a"],
  ["1.0a", "1.0b"],
  ["1.0a", "1.0+dfsg"],
  ["1.0+dfsg", "1.0.1"],
  ["1.0-a-1", "1.0-b-1"],
  ["99", "1:0.1"],
  ["1:1", "2:0"],
  ["9999999999999999999", "99999999999999999999"],
];
const EQUAL: readonly (readonly [string, string])[] = [
  ["1.0", "1.0"],
  ["0:1.0", "1.0"],
  ["1.001", "1.1"],
  ["1.0-0", "1.0"],
  ["01.0-01", "1.0-1"],
];

Deno.test("compareDebianVersions orders versions", () => {
  for (const [older, newer] of OLDER) {
    assert.equal(Math.sign(compareDebianVersions(older, newer)), -1, `${older} < ${newer}`);
    assert.equal(Math.sign(compareDebianVersions(newer, older)), 1, `${newer} > ${older}`);
  }
  for (const [one, other] of EQUAL) {
    assert.equal(compareDebianVersions(one, other), 0, `${one} = ${other}`);
  }
});

Deno.test("compareDebianVersions agrees with dpkg", async () => {
  const parts = ["0", "1", "10", "01", "~", "~~", "a", "b", "+", ".", "-1", "-0", "-"];
  const version = fc.tuple(
    fc.constantFrom("", "", "1:"),
    fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 5 }),
  ).map(([epoch, chosen]) => `${epoch}1${chosen.join("")}1`);
  const random = fc.sample(fc.tuple(version, version), { numRuns: 150, seed: 12 });
  const pairs = [...OLDER, ...EQUAL, ...random];
  const answers = await run("sh", [], {
    stdin: pairs.map(([a, b]) =>
      `if dpkg --compare-versions '${a}' lt '${b}'; then echo -1
       elif dpkg --compare-versions '${a}' eq '${b}'; then echo 0; else echo 1; fi\n`
    ).join(""),
  });
  const expected = answers.trim().split("\n").map(Number);
  const actual = pairs.map(([a, b]) => Math.sign(compareDebianVersions(a, b)));
  const different = pairs.filter((_, i) => expected[i] !== actual[i]);
  assert.deepEqual(different, []);
  assert.equal(expected.length, pairs.length);
});
