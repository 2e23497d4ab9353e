import assert from "node:assert/strict";
import { registerSecret } from "../../src/base/redact.ts";
import { Context } from "../../src/cli/context.ts";
import { failureOf } from "../support/failure_of.ts";
import { captured, withEnvironment } from "../support/cli/in_process.ts";

const create = (options: { quiet?: boolean }) =>
  withEnvironment({ HOME: "/nowhere" }, () => Context.create({ progress: true, ...options }));

Deno.test("Context.info and Context.warn write lines without secrets or control characters to stderr", async () => {
  registerSecret("open-sesame");
  const context = await create({});
  const { stdout, stderr } = await captured(() => {
    context.info("for linux/\x1b[2Jarm\nerror: forged, open-sesame");
    context.warn("Bearer eyJhbGciOi.x\r");
  });
  assert.equal(stdout, "");
  assert.equal(stderr, "for linux/ [2Jarm error: forged, ***\nwarning: Bearer *** \n");
});

Deno.test("Context prints warnings but not messages with --quiet", async () => {
  const context = await create({ quiet: true });
  const { stderr } = await captured(() => {
    context.info("told");
    context.warn("warned");
  });
  assert.equal(stderr, "warning: warned\n");
});

/** A listener for signals alone keeps no event loop waiting. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

Deno.test("Context.leaveSignals leaves signals to others and fails after an interrupt", async () => {
  const context = await create({});
  const signal = context.interruptible();
  context.leaveSignals();
  assert.equal(context.interruptible(), signal);
  Deno.kill(Deno.pid, "SIGTERM");
  while (!signal.aborted) await turn();
  assert.equal(
    (await failureOf(Promise.try(() => context.leaveSignals()))).code,
    "LDR_INTERRUPTED",
  );
  let received = false;
  const other = () => received = true;
  Deno.addSignalListener("SIGTERM", other);
  Deno.kill(Deno.pid, "SIGTERM");
  while (!received) await turn();
  Deno.removeSignalListener("SIGTERM", other);
});
