import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runEngine } from "../../../src/run/external/process.ts";
import { Running } from "../../support/cli/test_user.ts";
import { childEnvironment } from "../../support/cli/environment.ts";
import { failureOf } from "../../support/failure_of.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const RUNNER = fileURLToPath(new URL("../../support/wasm/engine_runner.ts", import.meta.url));

/** Runs a script as larder runs an engine. */
function start(folder: TemporaryFolder, script: string, args: string[] = [], stdin = ""): Running {
  const path = join(folder.path, "engine");
  Deno.writeTextFileSync(path, `#!/bin/sh\n${script}\n`);
  Deno.chmodSync(path, 0o755);
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", RUNNER, path, ...args],
    clearEnv: true,
    env: childEnvironment({ INHERITED: "from the user" }),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return new Running(process, stdin);
}

Deno.test("runEngine passes on streams and environment, and returns the exit code", async () => {
  using folder = new TemporaryFolder();
  const script = 'cat; echo "$INHERITED, $GIVEN, $2" >&2; exit 7';
  await using running = start(folder, script, ["first", "a  b"], "some input\n");
  assert.deepEqual(await running.result, {
    code: 7,
    stdout: "some input\nthe engine has ended\n",
    stderr: "from the user, to the engine, a  b\n",
  });
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`runEngine passes on ${signal} and waits for the engine`, async () => {
    const trap = `trap 'sleep 0.2; echo orderly; exit 9' ${signal.slice(3)}`;
    using folder = new TemporaryFolder();
    const script = `${trap}; echo ready >&2; while :; do sleep 0.05; done`;
    await using running = start(folder, script);
    await running.said("ready");
    running.kill(signal);
    const { code, stdout } = await running.result;
    assert.deepEqual([code, stdout], [9, "orderly\nthe engine has ended\n"]);
  });
}

Deno.test("runEngine returns 128 plus the signal that ended the engine", async () => {
  using folder = new TemporaryFolder();
  await using running = start(folder, "kill -KILL $$");
  const { code, stdout } = await running.result;
  assert.deepEqual([code, stdout], [137, "the engine has ended\n"]);
});

Deno.test("runEngine fails if the engine cannot be started", async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "spin");
  Deno.writeTextFileSync(path, "#!/no/such/interpreter\n", { mode: 0o755 });
  for (const each of [path, join(folder.path, "gone")]) {
    const engine = { name: "spin", path: each } as const;
    const error = await failureOf(runEngine(engine, { args: [], env: {} }));
    assert.equal(error.code, "LDR_ENGINE");
    assert.ok(error.message.includes(each) && error.hint.includes("spin --version"));
  }
});
