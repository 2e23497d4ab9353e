import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  compareRpmVersions,
  formatRpmVersion,
  parseRpmVersion,
  rpmvercmp,
} from "../../../../src/packages/lists/rpm/version.ts";

/** Pairs of which the first is older; the values are those of rpm's own tests. */
const OLDER: readonly (readonly [string, string])[] = [
  ["1.0", "2.0"],
  ["2.0", "2.0.1"],
  ["2.0.1", "2.0.1a"],
  ["5.5p1", "5.5p2"],
  ["5.5p1", "5.5p10"],
  ["10xyz", "10.1xyz"],
  ["xyz10", "xyz10.1"],
  ["xyz.4", "8"],
  ["xyz.4", "2"],
  ["5.5p2", "5.6p1"],
  ["5.6p1", "6.5p1"],
  ["6.0", "6.0.rc1"],
  ["10a2", "10b2"],
  ["1.0a", "1.0aa"],
  ["10.0001", "10.0039"],
  ["4.999.9", "5.0"],
  ["20101121", "20101122"],
  ["1.0~rc1", "1.0"],
  ["1.0~rc1", "1.0~rc2"],
  ["1.0~rc1~git123", "1.0~rc1"],
  ["1.0", "1.0^"],
  ["1.0^git1", "1.0^git2"],
  ["1.0^git1", "1.01"],
  ["1.0^20160101", "1.0.1"],
  ["1.0^20160101^git1", "1.0^20160102"],
  ["1.0~rc1", "1.0~rc1^git1"],
  ["1.0^git1~pre", "1.0^git1"],
  ["1b.fc17", "1.fc17"],
  ["1.fc17", "1g.fc17"],
];
const EQUAL: readonly (readonly [string, string])[] = [
  ["2.0", "2_0"],
  ["a", "a+"],
  ["a+", "a_"],
  ["+", "_"],
  ["1.0^git1~pre", "1.0^git1~pre"],
  ["10.0001", "10.1"],
];

Deno.test("rpmvercmp orders versions", () => {
  for (const [older, newer] of OLDER) {
    assert.equal(Math.sign(rpmvercmp(older, newer)), -1, `${older} < ${newer}`);
    assert.equal(Math.sign(rpmvercmp(newer, older)), 1, `${newer} > ${older}`);
  }
  for (const [one, other] of EQUAL) {
    assert.equal(rpmvercmp(one, other), 0, `${one} = ${other}`);
    assert.equal(rpmvercmp(other, one), 0, `${other} = ${one}`);
  }
});

Deno.test("rpmvercmp is an order: no version is older than one that is older than it", () => {
  const part = fc.constantFrom("0", "1", "10", "01", "~", "^", "a", "b", "Z", "+", ".", "_", "-");
  const version = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      assert.equal(Math.sign(rpmvercmp(a, b)), 0 - Math.sign(rpmvercmp(b, a)));
      const [old, middle, young] = [a, b, c].sort(rpmvercmp);
      assert(rpmvercmp(old!, middle!) <= 0 && rpmvercmp(middle!, young!) <= 0);
      assert(rpmvercmp(old!, young!) <= 0);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("compareRpmVersions compares the epoch, the version and the release", () => {
  for (
    const [older, newer] of [
      ["9-9", "1:1-1"],
      ["1:9-1", "2:1-1"],
      ["1-9", "2-1"],
      ["1-9", "1-10"],
      ["1-1.fc9", "1-1.fc10"],
    ] as const
  ) {
    const difference = compareRpmVersions(parseRpmVersion(older), parseRpmVersion(newer));
    assert.ok(difference < 0, `${older} < ${newer}`);
  }
});

Deno.test("parseRpmVersion reads what formatRpmVersion writes", () => {
  for (const text of ["1-1", "2:1.0~rc1-3.fc40", "5.2.26-1"]) {
    assert.equal(formatRpmVersion(parseRpmVersion(text)), text);
  }
  assert.equal(formatRpmVersion({ epoch: "0", version: "1", release: "2" }), "1-2");
});
