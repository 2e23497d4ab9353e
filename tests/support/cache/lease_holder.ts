// deno-lint-ignore-file no-console
/**
 * A process that uses the cache, for the tests of leases: `lease_holder.ts ROOT hold DIGEST` takes a lease, says so
 * and waits to be killed; `lease_holder.ts ROOT churn DIGEST` takes and releases 300, and looks for each.
 */
import assert from "node:assert/strict";
import { parseDigest } from "../../../src/oci/digest.ts";
import { Layout } from "../../../src/store/layout.ts";
import { liveLeases, takeLease } from "../../../src/store/locks/leases.ts";

const [root, mode, digest] = Deno.args;
const layout = new Layout(root!);
const use = { digests: [parseDigest(digest!)] };

if (mode === "hold") {
  await takeLease(layout, "a test", use);
  console.log("held");
  setInterval(() => {}, 60_000);
} else {
  for (let i = 0; i < 300; i++) {
    using _ = await takeLease(layout, "a test", use);
    const own = liveLeases(layout).filter(({ pid }) => pid === Deno.pid);
    assert.deepEqual(own.map(({ digests }) => digests), [use.digests]);
  }
}
