import assert from "node:assert/strict";
import { join } from "node:path";
import { readTextIfAny } from "../../src/base/files/files.ts";
import { embeddedName, TRANSPILER_FILES } from "../../src/run/engine/compile/transpiler_files.ts";
import { embeddedWrapperName, WRAPPER_FILES } from "../../src/run/engine/compile/wrapper_files.ts";
import { childEnvironment } from "../support/cli/environment.ts";

const ROOT = join(import.meta.dirname!, "../..");
const HOST = Deno.build.target;
const OTHER = HOST.startsWith("x86_64") ? "aarch64-pc-windows-msvc" : "x86_64-pc-windows-msvc";

/** A compiler that logs its arguments and writes a script that prints its version as the binary. */
const GOOD_COMPILER = `#!/bin/sh
for a; do case $a in --output=*) out=\${a#--output=};; *) entry=$a;; esac; done
printf '%s\\n' "$@" >"$0.args"
commit=$(cat "\${entry%/*}"/*.js | grep -oE '"[0-9a-f]{12}(-dirty)?"' | tr -d '"')
printf '#!/bin/sh\\necho "larder %s"\\n' "$commit" >"$out"
chmod +x "$out"
`;

/** Deletes the output before it fails, as Deno does. */
const BASELESS_COMPILER = `#!/bin/sh
for a; do case $a in --output=*) rm -f "\${a#--output=}";; esac; done
echo "error: sending request for url (https://dl.deno.land/release/denort.zip)" >&2
exit 1
`;

interface Result {
  readonly code: number;
  readonly stderr: string;
  readonly output: string;
  readonly compilerArgs: readonly string[];
}

/** Runs scripts/compile.ts with a fake compiler. */
async function compile(
  options: { args?: string[]; compiler?: string; env?: Record<string, string>; old?: string },
  check: (result: Result) => void,
): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    const compiler = join(folder, "deno");
    Deno.writeTextFileSync(compiler, options.compiler ?? GOOD_COMPILER, { mode: 0o700 });
    const output = join(folder, "dist");
    if (options.old !== undefined) {
      Deno.mkdirSync(output);
      Deno.writeTextFileSync(join(output, `larder-${HOST}`), options.old);
    }
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "scripts/compile.ts", "--output", output, ...options.args ?? []],
      cwd: ROOT,
      clearEnv: true,
      env: childEnvironment({ COMPILE_DENO: compiler, ...options.env }, { downloads: true }),
    }).output();
    check({
      code,
      stderr: new TextDecoder().decode(stderr),
      output,
      compilerArgs: (readTextIfAny(`${compiler}.args`) ?? "").trimEnd().split("\n"),
    });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("compile builds this machine's target by default: with commit, sums, workers and assets, and no needless permission", async () => {
  await compile({}, ({ code, stderr, output, compilerArgs }) => {
    assert.equal(code, 0, stderr);
    assert.ok(compilerArgs.includes(`--target=${HOST}`));
    const script = Deno.readTextFileSync(join(output, `larder-${HOST}`));
    assert.match(script, /larder [0-9a-f]{12}(-dirty)?/);
    const sums = Deno.readTextFileSync(join(output, "SHA256SUMS"));
    assert.match(sums, new RegExp(`^[0-9a-f]{64}  larder-${HOST}\n[0-9a-f]{64}  larder\\.1\n$`));
    const included = compilerArgs.filter((arg) => arg.startsWith("--include="));
    const names = included.map((arg) => arg.split("/").at(-1)!);
    for (const thread of ["hash", "guest", "command", "transpile"]) {
      assert.ok(names.includes(`${thread}_worker.js`), thread);
    }
    for (const path of WRAPPER_FILES) assert.ok(names.includes(embeddedWrapperName(path)), path);
    for (const file of TRANSPILER_FILES) {
      assert.ok(names.includes(embeddedName(file)), embeddedName(file));
    }
    assert.ok(compilerArgs.includes("--no-prompt") && compilerArgs.includes("--deny-import"));
    const forbidden = ["-A", "--allow-all", "--allow-ffi", "--allow-import"];
    assert.deepEqual(compilerArgs.filter((arg) => forbidden.includes(arg)), []);
  });
});

Deno.test("compile builds each --target and copies the man page and the install scripts", async () => {
  await compile({ args: ["--target", HOST, "--target", OTHER] }, ({ code, stderr, output }) => {
    assert.equal(code, 0, stderr);
    const names = [...Deno.readDirSync(output)].map((entry) => entry.name).sort();
    const binaries = [`larder-${HOST}`, `larder-${OTHER}.exe`];
    assert.deepEqual(
      names,
      [
        "SHA256SUMS",
        "install.ps1",
        "install.sh",
        "larder.1",
        ...binaries,
      ].sort(),
    );
    assert.equal(
      Deno.readTextFileSync(join(output, "install.sh")),
      Deno.readTextFileSync(join(ROOT, "scripts/install.sh")),
    );
    assert.equal(Deno.readTextFileSync(join(output, "SHA256SUMS")).split("\n").length, 4);
    assert.equal(
      Deno.readTextFileSync(join(output, "larder.1")),
      Deno.readTextFileSync(join(ROOT, "docs/man/larder.1")),
    );
  });
});

const REFUSALS: [name: string, Parameters<typeof compile>[0], message: RegExp][] = [
  ["an unknown target", { args: ["--target", "z80"] }, /unknown target "z80"; known are:\n\s+x86/],
  [
    "one base for every target",
    { args: ["--all"], env: { DENORT_BIN: "/denort" } },
    /DENORT_BIN is the base of one target/,
  ],
  [
    "a base that cannot be downloaded",
    { compiler: BASELESS_COMPILER },
    /cannot get Deno's runtime base for .*:\nerror: sending[\s\S]*hint: .* set DENORT_BIN/,
  ],
  ["a compiler that is not there", { env: { COMPILE_DENO: "/nowhere/deno" } }, /compiling for/],
  [
    "a binary that does not start",
    { compiler: GOOD_COMPILER.replace("larder %s", "oops %s") },
    /does not start/,
  ],
];

for (const [name, options, message] of REFUSALS) {
  Deno.test(`compile fails with a message on ${name}, and keeps the old binary`, async () => {
    await compile({ ...options, old: "old" }, ({ code, stderr, output }) => {
      assert.equal(code, 1);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n {4}at /, "no stack");
      assert.deepEqual([...Deno.readDirSync(output)].map(({ name }) => name), [`larder-${HOST}`]);
      assert.equal(Deno.readTextFileSync(join(output, `larder-${HOST}`)), "old");
    });
  });
}
