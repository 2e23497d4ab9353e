import assert from "node:assert/strict";
import { ERROR_CODES, type ErrorCode, hasCode, LarderError } from "../../src/base/errors.ts";
import {
  ageOfCheck,
  decide,
  failureWithCopy,
  isRegistryFailure,
  mayUseStale,
} from "../../src/pull/freshness.ts";

Deno.test("decide follows the policy for a tag and never asks about a cached digest", () => {
  const table = [
    ["always", "tag", "cached", "ask"],
    ["always", "tag", "missing", "ask"],
    ["always", "digest", "cached", "use"],
    ["always", "digest", "missing", "ask"],
    ["missing", "tag", "cached", "use"],
    ["missing", "tag", "missing", "ask"],
    ["missing", "digest", "cached", "use"],
    ["missing", "digest", "missing", "ask"],
    ["never", "tag", "cached", "use"],
    ["never", "tag", "missing", "refuse"],
    ["never", "digest", "cached", "use"],
    ["never", "digest", "missing", "refuse"],
  ] as const;
  for (const [policy, name, state, decision] of table) {
    const known = { complete: state === "cached", byDigest: name === "digest" };
    assert.equal(decide(policy, known), decision, `${policy} ${name} ${state}`);
  }
});

Deno.test("isRegistryFailure is true only if the registry could not answer", () => {
  const failures = (Object.keys(ERROR_CODES) as ErrorCode[]).filter((code) =>
    isRegistryFailure(new LarderError(code, "x", { hint: "x" }))
  );
  assert.deepEqual(failures.sort(), [
    "LDR_DNS",
    "LDR_RATE_LIMITED",
    "LDR_SERVER_ERROR",
    "LDR_TIMEOUT",
    "LDR_UNREACHABLE",
  ]);
});

Deno.test("mayUseStale allows a copy up to the given age", () => {
  assert.equal(mayUseStale(1000, undefined), false);
  assert.equal(mayUseStale(1000, 1000), true);
  assert.equal(mayUseStale(1001, 1000), false);
  assert.equal(mayUseStale(0, 0), true);
});

Deno.test("ageOfCheck takes a check in the future for the time of the pull, and for infinitely old without one", () => {
  const now = Date.UTC(2026, 0, 31);
  const iso = (age: number) => new Date(now - age).toISOString();
  const ages = [
    [1000, 5000, 1000],
    [0, 5000, 0],
    [-60_000, 5000, 0], // The clock of another machine.
    [-3_600_000, 5000, 5000],
    [-3_600_000, -3_600_000, Infinity],
  ] as const;
  for (const [checked, pulled, age] of ages) {
    assert.equal(ageOfCheck({ checkedAt: iso(checked), pulledAt: iso(pulled) }, now), age);
    if (age === Infinity) assert.equal(mayUseStale(age, Number.MAX_SAFE_INTEGER), false);
  }
});

Deno.test("an imported copy that no registry confirmed is never used in place of a registry that fails", () => {
  const record = { checkedAt: new Date(0).toISOString(), pulledAt: new Date().toISOString() };
  const age = ageOfCheck(record, Date.now());
  assert.equal(mayUseStale(age, Number.MAX_SAFE_INTEGER), false);
  const cause = new LarderError("LDR_DNS", "no such host", { hint: "check the name" });
  const { message, hint } = failureWithCopy(cause, age, record);
  assert.match(message, /the cached copy was imported, and no registry confirmed it$/);
  assert.equal(hint, "use the cached copy with --offline");
});

Deno.test("failureWithCopy of a check in the future says so", () => {
  const cause = new LarderError("LDR_DNS", "no such host", { hint: "check the name" });
  const { message, hint } = failureWithCopy(cause, Infinity);
  assert.equal(message, "no such host; the cached copy was confirmed at a time in the future");
  assert.equal(hint, "set the clock, or use the cached copy with --offline");
});

Deno.test("failureWithCopy names the age of the copy and an option that would use it", () => {
  const cause = new LarderError("LDR_SERVER_ERROR", "it broke", { hint: "wait" });
  const error = failureWithCopy(cause, 3 * 3_600_000 + 61_000);
  assert.ok(hasCode(error, "LDR_SERVER_ERROR"));
  assert.match(error.message, /^it broke; the cached copy was confirmed 3h 1m ago$/);
  assert.match(error.hint, /--offline.*--stale-if-error 4h/);
});
