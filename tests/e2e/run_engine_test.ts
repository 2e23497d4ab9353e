import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { wasmArtifact } from "../support/cache/artifacts.ts";
import { packApp } from "../support/cache/spin_apps.ts";
import { type Result, TestUser } from "../support/cli/test_user.ts";
import { DockerRegistry } from "../support/registry/docker_registry.ts";
import { push } from "../support/registry/push.ts";
import { basicGuard, TestRegistry } from "../support/registry/test_registry.ts";
import { guestBytes, moduleBytes } from "../support/wasm/components.ts";
import { encodeComponent } from "../support/wasm/wasm_encoder.ts";

/** An engine that prints its arguments, variables and stdin and exits with 9. */
const PROGRAM = `#!/bin/sh
if [ "$1" = --version ]; then echo "$(basename "$0") 9.8.7 (0123456 2026-01-01)"; exit; fi
for each in "$(basename "$0")" "$@"; do echo "$each"; done
env | grep ^SPIN_VARIABLE_
test -t 0 || cat
echo "from the engine" >&2
exit 9
`;

/** A user with only these engines on the PATH. */
class EngineUser extends TestUser {
  constructor(...engines: string[]) {
    super();
    for (const name of ["basename", "cat", "env", "grep", "sh", "sleep"]) {
      this.write(`bin/${name}`, "");
      Deno.removeSync(this.path(`bin/${name}`));
      Deno.symlinkSync(pathOf(name), this.path(`bin/${name}`));
    }
    for (const name of engines) Deno.chmodSync(this.write(`bin/${name}`, PROGRAM), 0o755);
    Deno.mkdirSync(this.path("tmp"));
  }

  run(...args: string[]): Promise<Result> {
    const env = { PATH: this.path("bin"), TMPDIR: this.path("tmp") };
    return this.larder(["run", ...args], { env, stdin: "the input\n" });
  }
}

function pathOf(program: string): string {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  return folders.map((folder) => `${folder}/${program}`).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  })!;
}

/** An app that only Spin can run. */
function spinOnlyApp() {
  const wasm = encodeComponent({
    imports: ["fermyon:spin/key-value"],
    exports: ["wasi:http/incoming-handler@0.2.0"],
  });
  return packApp({ components: { shop: { wasm } }, variables: { token: { required: true } } });
}

Deno.test("run --engine lists the engines of this machine", async () => {
  using user = new EngineUser("spin", "wasmtime");
  const { code, stdout, stderr } = await user.run("--engine");
  assert.deepEqual([code, stderr], [0, ""]);
  const lines = stdout.trimEnd().split("\n").map((line) => line.split(/\s{2,}/));
  assert.deepEqual(lines.map(([name]) => name), ["embedded", "spin", "wasmtime"]);
  assert.deepEqual(lines[1]!.slice(1), ["9.8.7", user.path("bin/spin")]);
  using none = new EngineUser();
  assert.match((await none.run("--engine")).stdout, /^embedded .*\n$/);
});

Deno.test("run --engine spin passes the app's digest and larder's cache", async () => {
  await using registry = await DockerRegistry.start();
  using user = new EngineUser("spin");
  const app = await spinOnlyApp();
  await push(registry.url, "shop", app, "v1");
  const reference = `${registry.host}/shop:v1`;

  const refused = await user.run("--variable", "token=secret", reference);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /needs fermyon:spin\/key-value,.*\nhint: .*--engine spin/);

  const options = ["--listen", "127.0.0.1:4000", "--variable", "token=secret", "--env", "A=B C"];
  const { code, stdout, stderr } = await user.run("--engine", "spin", ...options, reference);
  assert.equal(code, 9, stderr);
  assert.match(stderr, /^Use app from cache: [^]*\nfrom the engine\n$/);
  assert.deepEqual(stdout.split("\n"), [
    "spin",
    "up",
    "-f",
    `${reference}@${app.descriptor.digest}`,
    "--cache-dir",
    user.cache,
    "--insecure",
    "--env",
    "A=B C",
    "--listen",
    "127.0.0.1:4000",
    "SPIN_VARIABLE_TOKEN=secret",
    "the input",
    "",
  ]);
});

Deno.test("run --engine wasmtime passes the grants and arguments", async (t) => {
  await using registry = await TestRegistry.start();
  using user = new EngineUser("wasmtime");
  const wasm = await moduleBytes("preview1_command");
  const artifact = wasmArtifact(wasm);
  const reference = registry.add("tool", artifact, "v1");
  user.write("tool.wasm", wasm);
  user.write("data/a.txt", "a");
  const digest = artifact.blobs[1]!.descriptor.digest;
  for (
    const [subject, path] of [[reference, `${user.registry}/wasm/${digest}`], [
      "tool.wasm",
      user.path("tool.wasm"),
    ]]
  ) {
    await t.step(subject!, async () => {
      const options = ["--dir", "data::/d", "--env", "A=B"];
      const args = ["--engine", "wasmtime", ...options, subject!, "--", "x", "--y"];
      const { code, stdout } = await user.run(...args);
      assert.equal(code, 9);
      const lines = stdout.trimEnd().split("\n");
      assert.deepEqual(lines, [
        "wasmtime",
        "run",
        `--dir=${user.path("data")}::/d`,
        "--env=A=B",
        path,
        "x",
        "--y",
        "the input",
      ]);
    });
  }
});

Deno.test("run --engine rejects what the engine cannot run before it starts the engine", async (t) => {
  await using registry = await TestRegistry.start();
  using user = new EngineUser("spin");
  using other = new EngineUser("wasmtime");
  const app = registry.add("shop", await spinOnlyApp(), "v1");
  user.write("project/spin.toml", "");
  for (const each of [user, other]) {
    each.write("tool.wasm", await moduleBytes("preview1_command"));
  }
  const cases: [args: string[], code: number, says: string][] = [
    [["--engine", "wasmtime", "tool.wasm"], 1, "LDR_ENGINE"],
    [["--engine", "wasmer", "tool.wasm"], 2, 'no engine "wasmer"'],
    [["--engine", "spin", "tool.wasm"], 1, "LDR_NOT_RUNNABLE"],
    [["--engine", "spin", "./project"], 2, "does not apply to the Spin project ./project"],
    [["--engine", "spin", "--offline", app], 2, "--offline"],
    [["--engine", "spin", registry.reference("missing")], 3, "LDR_NOT_FOUND"],
    [["--engine", "spin"], 2, "larder run needs a reference"],
    [["--engine", "spin", "--dir", ".", app], 2, "--dir does not apply to a Spin app"],
    [["--engine", "spin", "--allow-net", app], 2, "--allow-net does not apply to a Spin app"],
    [["--engine", "spin", app, "--", "x"], 2, "takes no arguments"],
  ];
  const forWasmtime: typeof cases = [
    [["--listen", "127.0.0.1:0"], 2, "--listen does not apply to a command"],
    [["--variable", "a=b"], 2, "--variable does not apply to a run with Wasmtime"],
  ];
  const all = [
    ...cases.map((each) => [user, ...each] as const),
    ...forWasmtime.map(([options, ...rest]) =>
      [other, ["--engine", "wasmtime", ...options, "tool.wasm"], ...rest] as const
    ),
  ];
  for (const [user, args, code, says] of all) {
    await t.step(args.join(" ").replace(registry.host, "HOST"), async () => {
      const result = await user.run(...args);
      assert.deepEqual([result.code, result.stdout], [code, ""], result.stderr);
      assert.ok(result.stderr.includes(says), result.stderr);
      assert.doesNotMatch(result.stderr, /from the engine/);
    });
  }
});

/** An engine that exits on the second SIGINT, or when larder has ended. */
const STUBBORN = `#!/bin/sh
[ "$1" = --version ] && echo "asked for its version" >&2
trap 'trap "echo orderly >&2; exit 3" INT; echo stubborn >&2' INT
echo ready >&2
while kill -0 $PPID; do sleep 0.05; done
`;

Deno.test("run --engine passes every Ctrl-C to the engine and returns its exit code", async () => {
  await using registry = await TestRegistry.start();
  using user = new EngineUser("spin");
  user.write("bin/spin", STUBBORN);
  const app = registry.add("shop", await spinOnlyApp(), "v1");
  const env = { PATH: user.path("bin") };
  await using running = user.spawn(["run", "--engine", "spin", app], { env });
  await running.said("ready");
  running.kill("SIGINT");
  await running.said("stubborn");
  running.kill("SIGINT");
  const { code, stderr } = await running.result;
  assert.equal(code, 3, stderr);
  assert.match(stderr, /orderly\n$/);
  assert.doesNotMatch(stderr, /version/);
});

/** A Spin that prints the login that it would use, and where that is. */
const LOGIN_READER = `#!/bin/sh
echo "$DOCKER_CONFIG"
test -z "$DOCKER_CONFIG" || { stat -c %a "$DOCKER_CONFIG/config.json"; cat "$DOCKER_CONFIG/config.json"; }
echo "$@" | grep -q s3cret && echo "a secret in the arguments"
exit 0
`;

Deno.test("run --engine spin hands over what larder login has stored", async (t) => {
  await using registry = await TestRegistry.start();
  const reference = registry.add("shop", await spinOnlyApp(), "v1");
  registry.guard = basicGuard("bob", "s3cret");
  using user = new EngineUser("spin");
  user.write("bin/spin", LOGIN_READER);
  Deno.symlinkSync(pathOf("stat"), user.path("bin/stat"));
  const auth = btoa("bob:s3cret");
  const store = (path: string) =>
    user.write(path, JSON.stringify({ auths: { [registry.host]: { auth } } }));
  const run = () => user.run("--engine", "spin", reference);

  await t.step("in a private file, which is removed", async () => {
    const args = ["login", registry.host, "-u", "bob", "--password-stdin"];
    assert.equal((await user.larder(args, { stdin: "s3cret\n" })).code, 0);
    const { code, stdout, stderr } = await run();
    const [folder, mode, config, ...rest] = stdout.split("\n");
    assert.deepEqual([code, mode, rest], [0, "600", []], stderr);
    assert.deepEqual(JSON.parse(config!), { auths: { [registry.host]: { auth } } });
    assert.throws(() => Deno.statSync(folder!), Deno.errors.NotFound);
  });

  await t.step("and removes those that killed processes have left", async () => {
    // No process has the first number: it is above the limit of Linux.
    const [left, old, used] = [[2 ** 22 + 1, "a"], [Deno.pid, "b"], [Deno.pid, "c"]]
      .map((name) => user.path(`tmp/larder-spin-${name.join("-")}`)) as [string, string, string];
    for (const folder of [left, old, used]) {
      Deno.mkdirSync(folder);
      Deno.writeTextFileSync(`${folder}/config.json`, "{}");
    }
    const hours = (count: number) => new Date(Date.now() - count * 3_600_000);
    Deno.utimeSync(old, hours(25), hours(25));
    assert.equal((await run()).code, 0);
    assert.deepEqual([left, old, used].map((folder) => existsSync(folder)), [false, false, true]);
  });

  await t.step("unless Spin has a login of its own", async () => {
    store(".config/fermyon/registry-auth.json");
    const { code, stdout, stderr } = await run();
    assert.deepEqual([code, stdout], [0, "\n"]);
    assert.match(stderr, /^warning: Spin uses its own login.*spin registry login/m);
    Deno.removeSync(user.path(".config/larder/auth.json"));
    assert.doesNotMatch((await run()).stderr, /warning/);
  });

  await t.step("and says so if the registry has a token that Spin cannot use", async () => {
    Deno.removeSync(user.path(".config/fermyon"), { recursive: true });
    registry.guard = undefined;
    const token = { auths: { [registry.host]: { identitytoken: "refresh" } } };
    user.write(".config/larder/auth.json", JSON.stringify(token));
    const { code, stdout, stderr } = await run();
    assert.deepEqual([code, stdout], [0, "\n"]);
    assert.match(stderr, /^warning: Spin cannot use the token/m);
  });
});

Deno.test("run takes the name of a file that exists for the file, and asks no registry", async () => {
  using user = new EngineUser("wasmtime");
  user.write("library/tool", await moduleBytes("preview1_command"));
  const { code, stdout, stderr } = await user.run("--engine", "wasmtime", "library/tool");
  assert.deepEqual([code, stdout.split("\n")[2]], [9, user.path("library/tool")], stderr);
  assert.match(
    stderr,
    /^running the file library\/tool; docker:\/\/library\/tool runs the reference/,
  );
  const embedded = await user.run("library/tool");
  assert.match(embedded.stderr, /^running the file library\/tool/);
  assert.doesNotMatch(embedded.stderr, /docker\.io/);
});

Deno.test("run --engine wasmtime serves a component at the address of --listen", async () => {
  using user = new EngineUser("wasmtime");
  const exports = ["wasi:http/handler@0.3.1"];
  user.write("site.wasm", encodeComponent({ imports: ["wasi:tls/client@0.3.0-draft"], exports }));
  const refused = await user.run("site.wasm");
  assert.match(refused.stderr, /\nhint: .*--engine wasmtime\n$/);
  const { stdout } = await user.run("--engine", "wasmtime", "--listen", "[::1]:0", "site.wasm");
  assert.deepEqual(stdout.split("\n").slice(0, 4), [
    "wasmtime",
    "serve",
    "--addr=[::1]:0",
    "-Scli",
  ]);
});

const WASMTIME = "run --engine wasmtime serves a component with the installed Wasmtime";
const wasmtimeFolder = (Deno.env.get("PATH") ?? "").split(":")
  .find((folder) => existsSync(`${folder}/wasmtime`));
// deno-lint-ignore no-console
if (!wasmtimeFolder) console.warn(`not run: "${WASMTIME}" (wasmtime is not installed)`);

Deno.test({
  name: WASMTIME,
  ignore: !wasmtimeFolder,
  async fn() {
    using user = new TestUser();
    user.write("cases.wasm", await guestBytes("http_cases"));
    const args = ["run", "--engine", "wasmtime", "--listen", "127.0.0.1:0", "cases.wasm"];
    await using running = user.spawn(args, { env: { PATH: wasmtimeFolder! } });
    await running.said("Serving HTTP on ");
    const url = /Serving HTTP on (http:\S+)/.exec(running.stderr)![1]!;
    const response = await fetch(`${url}hello`, { headers: { connection: "close" } });
    assert.deepEqual([response.status, await response.text()], [200, "hello\n"]);
    running.kill("SIGTERM");
    await running.result;
  },
});
