import assert from "node:assert/strict";
import { larder } from "../../../support/cli/in_process.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";

const HOME = "/home/user";

/** Options, the folder that is printed, and its rule. */
const CASES: [string[], string, string][] = [
  [[], `${HOME}/.cache/larder/registry`, "HOME"],
  [["--cache-dir", "/nowhere/c"], "/nowhere/c/registry", "--cache-dir"],
  [["--cache-dir", "/nowhere/c/../d/"], "/nowhere/d/registry", "--cache-dir"],
  [["--config"], `${HOME}/.config/larder`, "HOME"],
];

for (const [args, path, rule] of CASES) {
  Deno.test(`dir ${args.join(" ")} prints the folder to stdout and the rule to stderr`, async () => {
    assert.deepEqual(await larder(HOME, "dir", ...args), {
      code: 0,
      stdout: `${path}\n`,
      stderr: `decided by ${rule}\n`,
    });
    const json = await larder(HOME, "dir", "--format", "json", ...args);
    assert.deepEqual([json.code, json.stderr], [0, ""]);
    assert.deepEqual(JSON.parse(json.stdout), { path, rule });
  });
}

Deno.test("dir creates no folder", async () => {
  using home = new TemporaryFolder();
  await larder(home.path, "dir");
  await larder(home.path, "dir", "--config");
  assert.deepEqual([...Deno.readDirSync(home.path)], []);
});

Deno.test("dir without HOME fails with a hint, unless --cache-dir is given", async () => {
  for (const args of [["dir"], ["dir", "--config"]]) {
    const { code, stdout, stderr } = await larder("", ...args);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^error: HOME is not set, .* \[LDR_CONFIG\]\nhint: set HOME, or /);
  }
  const { code, stdout } = await larder("", "dir", "--cache-dir", "/nowhere/c");
  assert.deepEqual([code, stdout], [0, "/nowhere/c/registry\n"]);
});
