import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runEngine } from "../../src/run/engine_process.ts";
import { failureOf } from "../support/failure_of.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const RUNNER = fileURLToPath(new URL("../support/engine_runner.ts", import.meta.url));

/** A process that runs this script as larder runs an engine. */
class Run extends TemporaryFolder {
  readonly process: Deno.ChildProcess;

  constructor(script: string, ...args: string[]) {
    super();
    const path = join(this.path, "engine");
    Deno.writeTextFileSync(path, `#!/bin/sh\n${script}\n`);
    Deno.chmodSync(path, 0o755);
    this.process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", RUNNER, path, ...args],
      env: { INHERITED: "from the user" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  /** Sends a signal once the script has said that it is ready, and returns how the process ended. */
  async signalled(signal: Deno.Signal): Promise<{ code: number; stdout: string }> {
    const [seen, kept] = this.process.stdout.tee();
    const stdout = new Response(kept).text();
    const reader = seen.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; !text.includes("ready");) text += (await reader.read()).value ?? "ready";
    this.process.kill(signal);
    while (!(await reader.read()).done);
    await this.#close();
    return { code: (await this.process.status).code, stdout: await stdout };
  }

  async ended(input = ""): Promise<{ code: number; stdout: string; stderr: string }> {
    const writer = this.process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
    const { code, stdout, stderr } = await this.process.output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }

  async #close(): Promise<void> {
    await this.process.stdin.close();
    await this.process.stderr.cancel();
  }
}

Deno.test("an engine has our streams, our environment and more, and its exit code is ours", async () => {
  using run = new Run('cat; echo "$INHERITED, $GIVEN, $2" >&2; exit 7', "first", "a  b");
  assert.deepEqual(await run.ended("some input\n"), {
    code: 7,
    stdout: "some input\nthe engine has ended\n",
    stderr: "from the user, to the engine, a  b\n",
  });
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`a ${signal} is passed on, and the engine ends in its own time`, async () => {
    const trap = `trap 'sleep 0.2; echo orderly; exit 9' ${signal.slice(3)}`;
    using run = new Run(`${trap}; echo ready; while :; do sleep 0.05; done`);
    const { code, stdout } = await run.signalled(signal);
    assert.deepEqual([code, stdout], [9, "ready\norderly\nthe engine has ended\n"]);
  });
}

Deno.test("an engine that a signal ends has that signal's exit code", async () => {
  using run = new Run("kill -KILL $$");
  const { code, stdout } = await run.ended();
  assert.deepEqual([code, stdout], [137, "the engine has ended\n"]);
});

Deno.test("an engine that cannot be started is an error", async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "spin");
  Deno.writeTextFileSync(path, "#!/no/such/interpreter\n", { mode: 0o755 });
  for (const each of [path, join(folder.path, "gone")]) {
    const engine = { name: "spin", path: each, version: undefined } as const;
    const error = await failureOf(runEngine(engine, { args: [], env: {} }));
    assert.equal(error.code, "LDR_ENGINE");
    assert.ok(error.message.includes(each) && error.hint.includes("spin --version"));
  }
});
