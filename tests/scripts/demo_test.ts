import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { childEnvironment } from "../support/cli/environment.ts";
import { Running } from "../support/cli/test_user.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const DEMO = fileURLToPath(new URL("../../scripts/demo.ts", import.meta.url));

Deno.test("demo shows both versions of its app and leaves an empty home empty", async () => {
  using home = new TemporaryFolder();
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", DEMO],
    cwd: home.path,
    clearEnv: true,
    env: childEnvironment({ HOME: home.path }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await using demo = new Running(process, undefined);
  const { code, stdout, stderr } = await demo.result;
  assert.equal(code, 0, stderr);
  const answers = [...stdout.matchAll(/^Hello from version (\d)\.$/mg)].map(([, number]) => number);
  assert.deepEqual(answers, ["1", "1", "2", "2"]);
  assert.match(stdout, /^\(the registry saw: HEAD \S+\)$/m);
  assert.deepEqual([...Deno.readDirSync(home.path)], []);
});
