import assert from "node:assert/strict";
import type { Config } from "../../../../src/cli/config/schema.ts";
import { policyOf } from "../../../../src/cli/commands/gc/policy.ts";
import { hasLimits, limitsOf } from "../../../../src/gc/policy.ts";
import { DAY } from "../../../support/cache/test_cache.ts";

Deno.test("policyOf sets no limit for an empty config", () => {
  for (const config of [{}, { gc: null, storage: null }, { storage: { image_cache: null } }]) {
    assert.equal(hasLimits(policyOf(config)), false);
  }
});

Deno.test("policyOf applies gc to all types and storage to single ones", () => {
  const policy = policyOf({
    gc: {
      max_size: 20e9,
      min_free: { percent: 10 },
      max_count: 500,
      unused: 90 * DAY,
      keep_last: 2,
      auto: false,
    },
    storage: {
      registry_cache: { retention_days: 30 },
      package_cache: { enabled: true, max_size_gb: 2.5, retention_days: 0.5 },
      image_cache: { enabled: false, max_count: 5 },
    },
  });
  const { maxSize, minFree, maxCount } = policy;
  assert.deepEqual({ maxSize, minFree, maxCount }, {
    maxSize: 20e9,
    minFree: { percent: 10 },
    maxCount: 500,
  });
  for (const type of ["app", "image"] as const) {
    assert.deepEqual(limitsOf(policy, type), { unused: 30 * DAY, keepLast: 2, disabled: false });
  }
  assert.deepEqual(limitsOf(policy, "package"), {
    unused: DAY / 2,
    maxSize: 2.5e9,
    disabled: false,
  });
  assert.deepEqual(limitsOf(policy, "build"), { unused: 90 * DAY, maxCount: 5, disabled: true });
  assert.deepEqual(limitsOf(policy, "compiled"), { unused: 90 * DAY });
});

/** Configs, and whether they set a limit. */
const LIMITS: [Config, boolean][] = [
  [{ gc: { max_size: 0 } }, true],
  [{ gc: { auto: true } }, false],
  [{ gc: { keep_last: 3 } }, false],
  [{ storage: { package_cache: { enabled: true } } }, false],
  [{ storage: { package_cache: { enabled: false } } }, true],
  [{ storage: { image_cache: { max_count: 1 } } }, true],
];

for (const [config, limited] of LIMITS) {
  Deno.test(`policyOf(${JSON.stringify(config)}) has ${limited ? "a limit" : "no limit"}`, () => {
    assert.equal(hasLimits(policyOf(config)), limited);
  });
}
