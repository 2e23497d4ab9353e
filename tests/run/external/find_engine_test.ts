import assert from "node:assert/strict";
import { join } from "node:path";
import {
  findEngine,
  findProgram,
  listEngines,
  type ProgramCheck,
} from "../../../src/run/external/find_engine.ts";
import type { HostPlatform } from "../../../src/store/platform_dirs.ts";
import { failureOf } from "../../support/failure_of.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

/** A folder of programs, and a platform whose search path is that folder. */
class Programs extends TemporaryFolder {
  readonly platform = platformOf("linux", { PATH: `/no/such/folder:${this.path}` });

  add(name: string, script: string, mode = 0o755): string {
    const path = join(this.path, name);
    Deno.writeTextFileSync(path, `#!/bin/sh\n${script}\n`);
    Deno.chmodSync(path, mode);
    return path;
  }
}

function platformOf(os: HostPlatform["os"], env: Record<string, string>): HostPlatform {
  return { os, env: (name) => env[name] };
}

const among = (...paths: string[]): ProgramCheck => (path) => paths.includes(path);

Deno.test("findEngine finds an installed engine, and listEngines asks for its version", async () => {
  using programs = new Programs();
  const spin = programs.add("spin", 'test "$*" = --version && echo "spin 3.1.2 (abc 2025-01-01)"');
  const wasmtime = programs.add("wasmtime", 'echo "wasmtime 25.0.0-rc.1+x"');
  assert.deepEqual(findEngine("spin", programs.platform), { name: "spin", path: spin });
  assert.deepEqual(await listEngines(programs.platform), [
    { name: "spin", path: spin, version: "3.1.2" },
    { name: "wasmtime", path: wasmtime, version: "25.0.0-rc.1+x" },
  ]);
});

for (
  const [what, script] of [
    ["fails", "echo 3.1.2; exit 1"],
    ["prints nothing", "true"],
    ["prints something else", 'echo "no such option"'],
    ["cannot be started", ""],
  ]
) {
  Deno.test(`listEngines omits the version of an engine that ${what}`, async () => {
    using programs = new Programs();
    const path = programs.add("wasmtime", script!);
    if (script === "") Deno.writeTextFileSync(path, "#!/no/such/interpreter\n");
    assert.deepEqual(await listEngines(programs.platform), [
      { name: "wasmtime", path, version: undefined },
    ]);
  });
}

Deno.test("findEngine fails with a hint if the engine is not installed", async () => {
  using programs = new Programs();
  for (
    const [name, site] of [["spin", /spinframework\.dev/], ["wasmtime", /wasmtime\.dev/]] as const
  ) {
    const error = await failureOf(Promise.try(() => findEngine(name, programs.platform)));
    assert.equal(error.code, "LDR_ENGINE");
    assert.match(error.message, new RegExp(`engine ${name} is not installed`));
    assert.match(error.hint, site);
  }
  assert.deepEqual(await listEngines(programs.platform), []);
});

Deno.test("findProgram ignores folders and files that are not executable", () => {
  using programs = new Programs();
  programs.add("spin", "true", 0o644);
  Deno.mkdirSync(join(programs.path, "wasmtime"));
  assert.equal(findProgram("spin", programs.platform), undefined);
  assert.equal(findProgram("wasmtime", programs.platform), undefined);
});

Deno.test("findProgram uses the first folder of the search path with the program", () => {
  const path = platformOf("darwin", { PATH: "/a:/b:/c" });
  assert.equal(findProgram("spin", path, among("/c/spin", "/b/spin")), "/b/spin");
});

Deno.test("findProgram ignores relative folders", () => {
  const everything: ProgramCheck = () => true;
  assert.equal(
    findProgram("spin", platformOf("linux", { PATH: ":.:bin:./x" }), everything),
    undefined,
  );
  assert.equal(findProgram("spin", platformOf("linux", {}), everything), undefined);
  assert.equal(
    findProgram("spin", platformOf("windows", { PATH: ";.;bin" }), everything),
    undefined,
  );
});

Deno.test("findProgram tries extensions in the order of PATHEXT on Windows", () => {
  const folder = "C:\\Tools\\bin";
  const check = among(`${folder}\\spin.exe`, `${folder}\\spin.cmd`);
  const find = (env: Record<string, string>) =>
    findProgram("spin", platformOf("windows", { PATH: `D:\\x;${folder}`, ...env }), check);
  assert.equal(find({}), `${folder}\\spin.exe`);
  assert.equal(find({ PATHEXT: ".COM;.CMD;.EXE" }), `${folder}\\spin.cmd`);
  assert.equal(find({ PATHEXT: ".JS;.VBS" }), `${folder}\\spin.exe`);
});
