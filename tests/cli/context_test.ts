import assert from "node:assert/strict";
import { join } from "node:path";
import { registerSecret } from "../../src/base/redact.ts";
import { Context } from "../../src/cli/context.ts";
import { failureOf } from "../support/failure_of.ts";
import { captured, larder, withEnvironment } from "../support/cli/in_process.ts";
import { TemporaryFolder } from "../support/temporary.ts";

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

/** Every command that uses the cache, with names as it needs them. */
const COMMANDS = [
  "list",
  "df",
  "images",
  "info app",
  "why app",
  "stats",
  "pins",
  "pin app",
  "unpin app",
  "outdated",
  "update --all",
  "gc --force",
  "clean --force",
  "verify",
  "verify --repair",
  "pull localhost:1/app",
  "run localhost:1/app",
];

for (const place of ["file", "file/below", "link", "file-in-cache"]) {
  Deno.test(`every command fails if the cache cannot be in ${place}, and dir warns`, async () => {
    using home = new TemporaryFolder();
    const path = (name: string) => join(home.path, name);
    Deno.writeTextFileSync(path("file"), "mine");
    Deno.symlinkSync(path("gone"), path("link"));
    Deno.mkdirSync(path("file-in-cache"));
    Deno.writeTextFileSync(path("file-in-cache/registry"), "mine");
    const run = (line: string) => larder(home.path, ...line.split(" "), "--cache-dir", path(place));
    for (const line of COMMANDS) {
      const { code, stdout, stderr } = await run(line);
      assert.deepEqual([line, code, stdout], [line, 7, ""]);
      assert.match(stderr, /^error: cannot use the cache folder .*(is a file|is a link).*LDR_DISK/);
    }
    const { code, stdout, stderr } = await run("dir");
    assert.deepEqual([code, stdout], [0, `${path(place)}/registry\n`]);
    assert.match(stderr, /^warning: .*(is a file|is a link)/m);
    assert.equal(Deno.readTextFileSync(path("file")), "mine");
  });
}
