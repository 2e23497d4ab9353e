import assert from "node:assert/strict";
import { runCommand } from "../../../src/run/engine/command.ts";
import { failureOf } from "../../support/failure_of.ts";
import { moduleOf } from "../../support/wasm/components.ts";
import { NOTHING } from "../../support/wasm/guest_host.ts";

Deno.test("runCommand fails if the signal was raised before", async () => {
  const module = await moduleOf('(module (memory (export "memory") 1) (func (export "_start")))');
  const program = { module, settings: NOTHING };
  const options = { onDenial: assert.fail };
  assert.equal(await runCommand("it", program, options), 0);
  const signal = AbortSignal.abort();
  const error = await failureOf(runCommand("it", program, { ...options, signal }));
  assert.equal(error.code, "LDR_INTERRUPTED");
});
