import assert from "node:assert/strict";
import { ERROR_CODES, type ErrorCode, hasCode, LarderError } from "../../src/base/errors.ts";
import {
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

Deno.test("failureWithCopy names the age of the copy and an option that would use it", () => {
  const cause = new LarderError("LDR_SERVER_ERROR", "it broke", { hint: "wait" });
  const error = failureWithCopy(cause, 3 * 3_600_000 + 61_000);
  assert.ok(hasCode(error, "LDR_SERVER_ERROR"));
  assert.match(error.message, /^it broke; the cached copy was confirmed 3h 1m ago$/);
  assert.match(error.hint, /--offline.*--stale-if-error 4h/);
});
