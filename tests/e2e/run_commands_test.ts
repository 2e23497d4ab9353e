import assert from "node:assert/strict";
import {
  blob,
  image,
  index,
  MEDIA_TYPES,
  platformOf,
  wasmArtifact,
} from "../support/cache/artifacts.ts";
import { assertStoreSound } from "../support/cache/store_check.ts";
import { preparedUser } from "../support/cli/prepared_user.ts";
import { type RunOptions, TestUser } from "../support/cli/test_user.ts";
import { DockerRegistry } from "../support/registry/docker_registry.ts";
import { HttpServer, textAnswer } from "../support/registry/http_server.ts";
import { push } from "../support/registry/push.ts";
import { binaryOf, guestBytes, moduleBytes } from "../support/wasm/components.ts";
import { jsComponent } from "../support/wasm/js_component.ts";

/** Creates a user with the commands of `guests/`: `module.wasm`, and `component.wasm`, which is already compiled. */
const userWithCommands = preparedUser(async (user) => {
  user.write("module.wasm", await moduleBytes("preview1_command"));
  user.write("component.wasm", await jsComponent("command"));
  const first = await user.larder(["run", "component.wasm", "--", "arguments"]);
  assert.deepEqual(first, {
    code: 0,
    stdout: "[]\n",
    stderr: "compiling component.wasm (cached for later runs)\n",
  });
});

Deno.test("run passes arguments and stdin to a command and returns its output and exit code", async (t) => {
  using user = await userWithCommands();
  const component = ["component.wasm", "--"];
  const module = ["module.wasm", "--"];
  const cases: [args: string[], result: [code: number, stdout: string, stderr: string], string?][] =
    [
      [[...component, "arguments", "two words", "--dir", "ü"], [
        0,
        '["two words","--dir","ü"]\n',
        "",
      ]],
      [[...component, "copy"], [0, "from the outside\n", ""], "from the outside\n"],
      [[...component, "complain", "about it"], [0, "", "about it\n"]],
      [[...component, "fail"], [1, "", ""]],
      [[...component, "sleep", "10"], [0, "", ""]],
      [[...module, "a", "two words", "-v", "ü"], [0, "a\ntwo words\n-v\nü\n", ""]],
      [["module.wasm", "a", "b"], [0, "a\nb\n", ""]],
      [[...module, "c"], [0, "from the outside\n", ""], "from the outside\n"],
      [[...module, "c"], [0, "", ""]],
      [[...module, "e", "about it"], [0, "", "about it\n"]],
      [[...module, "x", "42"], [42, "", ""]],
      [[...module, "x", "0"], [0, "", ""]],
    ];
  for (const [args, [code, stdout, stderr], stdin] of cases) {
    await t.step(args.join(" "), async () => {
      const options: RunOptions = stdin === undefined ? {} : { stdin };
      const result = await user.larder(["run", ...args], options);
      assert.deepEqual(result, { code, stdout, stderr });
    });
  }
});

Deno.test("run passes 4 MiB of stdin through a command unchanged", async () => {
  using user = await userWithCommands();
  const stdin = "0123456789abcde\n".repeat(256 * 1024);
  for (const args of [["component.wasm", "--", "copy"], ["module.wasm", "--", "c"]]) {
    const { code, stdout } = await user.larder(["run", ...args], { stdin });
    assert.equal(code, 0);
    assert.ok(stdout === stdin, `${args[0]}: ${stdout.length} of ${stdin.length} bytes came out`);
  }
});

Deno.test("run accepts a command whose interfaces have different versions of WASI 0.2", async () => {
  using user = new TestUser();
  const versions = {
    "wasi:cli/environment": "0.2.1",
    "wasi:cli/exit": "0.2.9",
    "wasi:cli/stdin": "0.2.0",
    "wasi:cli/run": "0.2.2",
  };
  const mixed = await guestBytes("command_cases", (wat) =>
    Object.entries(versions).reduce(
      (wat, [name, version]) => wat.replaceAll(`${name}@0.2.3`, `${name}@${version}`),
      wat,
    ));
  user.write("mixed.wasm", mixed);
  const stdin = "from the outside\n";
  const result = await user.larder(["run", "mixed.wasm", "--", "one"], { stdin });
  assert.deepEqual([result.code, result.stdout], [0, `mixed.wasm\none\n${stdin}`], result.stderr);
  assert.equal((await user.larder(["run", "mixed.wasm", "--", "quit"])).code, 1);
});

/** Returns WAT that imports the monotonic clock and pollables of one version. */
function clockOf(version: string, id: string): string {
  return `
    (import "wasi:io/poll@${version}" (instance $poll-${id}
      (export $pollable "pollable" (type (sub resource)))
      (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
    (alias export $poll-${id} "pollable" (type $pollable-${id}))
    (import "wasi:clocks/monotonic-clock@${version}" (instance $clock-${id}
      (alias outer 1 $pollable-${id} (type $outer))
      (export $pollable "pollable" (type (eq $outer)))
      (export "now" (func (result u64)))
      (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
    (core func $now-${id} (canon lower (func $clock-${id} "now")))
    (core func $after-${id} (canon lower (func $clock-${id} "subscribe-duration")))
    (core func $block-${id} (canon lower (func $poll-${id} "[method]pollable.block")))
    (core instance $host-${id}
      (export "now" (func $now-${id}))
      (export "after" (func $after-${id}))
      (export "block" (func $block-${id})))`;
}

/** Waits on the clock of each version and fails unless time passed on the clock of the other. */
const TWO_CLOCKS = `(component
  ${clockOf("0.2.0", "a")}
  ${clockOf("0.2.3", "b")}
  (core module $guest
    (import "a" "now" (func $now-a (result i64)))
    (import "a" "after" (func $after-a (param i64) (result i32)))
    (import "a" "block" (func $block-a (param i32)))
    (import "b" "now" (func $now-b (result i64)))
    (import "b" "after" (func $after-b (param i64) (result i32)))
    (import "b" "block" (func $block-b (param i32)))
    (func (export "run") (result i32) (local $a i64) (local $b i64)
      (local.set $b (call $now-b))
      (call $block-a (call $after-a (i64.const 20000000)))
      (local.set $b (i64.sub (call $now-b) (local.get $b)))
      (local.set $a (call $now-a))
      (call $block-b (call $after-b (i64.const 20000000)))
      (local.set $a (i64.sub (call $now-a) (local.get $a)))
      (i32.or
        (i64.lt_u (local.get $a) (i64.const 20000000))
        (i64.lt_u (local.get $b) (i64.const 20000000)))))
  (core instance $guest (instantiate $guest
    (with "a" (instance $host-a))
    (with "b" (instance $host-b))))
  (func $run (result (result)) (canon lift (core func $guest "run")))
  (instance $run (export "run" (func $run)))
  (export "wasi:cli/run@0.2.1" (instance $run)))`;

Deno.test("run accepts a command that imports one interface in two versions of WASI 0.2", async () => {
  using user = new TestUser();
  user.write("clocks.wasm", await binaryOf(TWO_CLOCKS));
  const { code, stderr } = await user.larder(["run", "clocks.wasm"]);
  assert.equal(code, 0, stderr);
});

Deno.test("run exits with 1 and LDR_GUEST if a command traps", async () => {
  using user = await userWithCommands();
  for (const args of [["module.wasm", "--", "t"], ["cases.wasm", "--", "trap"]]) {
    user.write("cases.wasm", await guestBytes("command_cases"));
    const { code, stderr } = await user.larder(["run", ...args]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^error: .*\.wasm trapped: .*unreachable.* \[LDR_GUEST\]\n(?: +\d+: .+\n)+hint: .+$/m,
    );
  }
});

Deno.test("run ends a command on Ctrl-C while it computes or sleeps", async (t) => {
  using user = await userWithCommands();
  for (const args of [["loop"], ["sleep", "3600000"]]) {
    await t.step(args.join(" "), async () => {
      // The command writes to stderr first, so that the test knows that it runs.
      await using running = user.spawn(["run", "component.wasm", "--", "announced", ...args]);
      await running.said("running");
      running.kill("SIGINT");
      const { code, stderr } = await running.result;
      assert.equal(code, 130, stderr);
      assert.match(stderr, /\[LDR_INTERRUPTED\]/);
    });
  }
});

Deno.test("run gives a command only the variables that --env grants", async (t) => {
  using user = await userWithCommands();
  const cases: [options: string[], expected: string[][]][] = [
    [[], []],
    [["--env", "A=1", "--env", "B=x=y", "--env", "C="], [["A", "1"], ["B", "x=y"], ["C", ""]]],
    [["--env", "MINE", "--env", "UNSET"], [["MINE", "of the user"]]],
  ];
  for (const [options, expected] of cases) {
    await t.step(options.join(" ") || "no option", async () => {
      const env = { MINE: "of the user" };
      const component = ["component.wasm", "--", "environment"];
      const one = await user.larder(["run", ...options, ...component], { env });
      assert.deepEqual(JSON.parse(one.stdout), expected, one.stderr);
      const other = await user.larder(["run", ...options, "module.wasm", "--", "a"], { env });
      const lines = expected.map(([name, value]) => `${name}=${value}\n`);
      assert.equal(other.stdout, `a\n${lines.join("")}`);
    });
  }
});

Deno.test("run lets a command reach only the hosts that --allow-net grants", async (t) => {
  using user = await userWithCommands();
  await using server = await HttpServer.start(() => textAnswer(200, "from the server"));
  const port = server.host.split(":")[1];
  const fetching = ["component.wasm", "--", "fetch", `http://${server.host}/`];
  for (const options of [[], ["--allow-net=example.com"], ["--allow-net=127.0.0.1:1"]]) {
    await t.step(`refused: ${options}`, async () => {
      const { code, stdout, stderr } = await user.larder(["run", ...options, ...fetching]);
      assert.equal(code, 1, stdout);
      assert.match(
        stderr,
        new RegExp(
          `warning: refused .*127\\.0\\.0\\.1:${port}.*--allow-net=127\\.0\\.0\\.1:${port}$`,
          "m",
        ),
      );
      assert.match(stderr, /^fetch: /m, "the guest sees an error");
      assert.deepEqual(server.requests(), []);
    });
  }
  for (const option of [`--allow-net=${server.host}`, "--allow-net", "--allow-net=127.0.0.0/8"]) {
    await t.step(`granted: ${option}`, async () => {
      const result = await user.larder(["run", option, ...fetching]);
      assert.deepEqual(result, { code: 0, stdout: "200 from the server\n", stderr: "" });
    });
  }
});

Deno.test("run accepts the reference of a Wasm package and checks the tag every time", async () => {
  await using registry = await DockerRegistry.start();
  using user = new TestUser();
  await push(registry.url, "tools/echo", wasmArtifact(await moduleBytes("preview1_command")), "v1");
  const reference = `${registry.host}/tools/echo:v1`;
  const first = await user.larder(["run", reference, "--", "a", "one"]);
  assert.equal(first.stdout, "a\none\n", first.stderr);
  assert.match(first.stderr, /fetched 1 layer/);
  const second = await user.larder(["run", reference, "--", "x", "7"]);
  assert.equal(second.code, 7);
  assert.match(second.stderr, /^Use app from cache: .* is current/m);
  const quiet = await user.larder(["run", "--quiet", reference, "--", "a"]);
  assert.deepEqual(quiet, { code: 0, stdout: "a\n", stderr: "" });
  assertStoreSound(user.registry);
});

Deno.test("run accepts any artifact with one layer of Wasm", async (t) => {
  await using registry = await DockerRegistry.start();
  using user = new TestUser();
  const command = blob(await moduleBytes("preview1_command"), MEDIA_TYPES.wasm);
  const component = blob(await guestBytes("command_cases"), MEDIA_TYPES.wasm);
  const readme = blob("# Read me", "text/markdown");
  const empty = blob("{}", "application/vnd.oci.empty.v1+json");
  const artifacts = {
    oras: [image([command], { config: empty }), ["a"], "a\n"],
    "with-text": [image([readme, command], { config: empty }), ["a"], "a\n"],
    component: [wasmArtifact(component.bytes), [], ""],
    index: [
      index([{ artifact: wasmArtifact(command.bytes), platform: platformOf("wasi/wasm") }]),
      ["a"],
      "a\n",
    ],
  } as const;
  for (const [name, [artifact, args, stdout]] of Object.entries(artifacts)) {
    await t.step(name, async () => {
      await push(registry.url, name, artifact, "v1");
      const reference = `${registry.host}/${name}:v1`;
      const result = await user.larder(["run", reference, "--", ...args]);
      assert.equal(result.code, 0, result.stderr);
      // The component prints its own name first.
      assert.equal(result.stdout, name === "component" ? `${reference}\n` : stdout);
    });
  }
});

Deno.test("run rejects options that have no use with a command", async () => {
  using user = await userWithCommands();
  for (const options of [["--listen", "127.0.0.1:0"], ["--variable", "a=b"]]) {
    const { code, stdout, stderr } = await user.larder(["run", ...options, "module.wasm", "a"]);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(stderr, new RegExp(`${options[0]} does not apply to a command \\[LDR_USAGE\\]`));
  }
});

Deno.test("run prints the calls under way when a command traps, and says if memory ran out", async () => {
  using user = new TestUser();
  const text = `(module (memory (export "memory") 1)
    (func $_start (export "_start")
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (call $_ZN5alloc5alloc18handle_alloc_error17h0123456789abcdefE))
    (func $_ZN5alloc5alloc18handle_alloc_error17h0123456789abcdefE unreachable))`;
  user.write("greedy.wasm", await binaryOf(text));
  const run = (...options: string[]) =>
    user.larder(["run", "--max-memory", "1MiB", ...options, "greedy.wasm"]);
  const { code, stderr } = await run();
  assert.equal(code, 1);
  assert.deepEqual(stderr.split("\n").slice(0, 3), [
    "error: greedy.wasm trapped: unreachable, probably for lack of memory: it has 1.00 MiB of 1.00 MiB; --max-memory allows more [LDR_GUEST]",
    "   0: alloc::alloc::handle_alloc_error",
    "   1: _start",
  ]);
  assert.match((await run("-v")).stderr, /^ {3}1: _start \(function 0 at 0x[0-9a-f]+\)$/m);
});

Deno.test("run --timeout ends a command", async () => {
  using user = new TestUser();
  const text = '(module (func (export "_start") (loop $again (br $again))))';
  user.write("endless.wasm", await binaryOf(text));
  const { code, stderr } = await user.larder(["run", "--timeout", "200ms", "endless.wasm"]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^error: ended endless\.wasm, which ran for 0\.2 s \[LDR_GUEST\]\nhint: .*--timeout/,
  );
});

Deno.test("run rejects limits that no guest can have", async () => {
  using user = new TestUser();
  for (
    const [option, value] of [["--max-memory", "5GiB"], ["--max-memory", "1"], ["--timeout", "0"]]
  ) {
    const { code, stderr } = await user.larder(["run", option!, value!, "app.wasm"]);
    assert.equal(code, 2);
    assert.ok(stderr.startsWith(`error: bad ${option}: `), stderr);
  }
});
