// deno-lint-ignore-file no-console
/**
 * A process for the tests of leases. `lease_holder.ts ROOT hold DIGEST` takes a lease, prints `held` and waits to be
 * killed. `lease_holder.ts ROOT churn DIGEST` takes and releases 300 leases, and checks that each is live.
 */
import assert from "node:assert/strict";
import { parseDigest } from "../../../src/oci/digest.ts";
import { Layout } from "../../../src/store/layout.ts";
import { liveLeases } from "../../../src/store/locks/leases.ts";
import { takeLease } from "./take_lease.ts";

const [root, mode, digest] = Deno.args;
const layout = new Layout(root!);
const request = { digests: [parseDigest(digest!)] };

if (mode === "hold") {
  await takeLease(layout, "a test", request);
  console.log("held");
  setInterval(() => {}, 60_000);
} else {
  for (let i = 0; i < 300; i++) {
    using _ = await takeLease(layout, "a test", request);
    const own = liveLeases(layout).filter(({ pid }) => pid === Deno.pid);
    assert.deepEqual(own.map(({ digests }) => digests), [request.digests]);
  }
}
