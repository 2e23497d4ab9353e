import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { packApp } from "../support/cache/spin_apps.ts";
import { assertStoreSound, filesBelow } from "../support/cache/store_check.ts";
import { preparedUser } from "../support/cli/prepared_user.ts";
import { Serving } from "../support/cli/serving.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { Gate } from "../support/gate.ts";
import { HttpServer, textAnswer } from "../support/registry/http_server.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { until } from "../support/until.ts";
import { endlessStart, guestBytes } from "../support/wasm/components.ts";
import { jsComponent } from "../support/wasm/js_component.ts";
import { ipv6Test } from "../support/wasm/loopback.ts";

/** Starts a server that answers once the gate is open. */
async function waitingServer(gate: Gate): Promise<HttpServer> {
  return await HttpServer.start(async () => {
    await gate.pass();
    return textAnswer(200, "at last");
  });
}

/** Creates a user with the handler of JavaScript, already compiled. */
const userWithHandler = preparedUser(async (user) => {
  user.write("handler.wasm", await jsComponent("http_handler"));
  await (await Serving.start(user, ["handler.wasm"])).stop();
});

Deno.test("run finishes open requests on Ctrl-C and accepts no others", async (t) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await t.step(signal, async () => {
      const gate = new Gate();
      await using server = await waitingServer(gate);
      using user = await userWithHandler();
      const args = [`--allow-net=${server.host}`, "handler.wasm"];
      await using serving = await Serving.start(user, args);
      const url = encodeURIComponent(`http://${server.host}/`);
      const underWay = serving.get(`/fetch?url=${url}`);
      await gate.reachedBy(serving.result);
      serving.kill(signal);
      await serving.said("stopping");
      assert.deepEqual(await serving.get("/hello"), [503, "503 Service Unavailable\n"]);
      gate.open();
      assert.deepEqual(await underWay, [200, "200 at last"]);
      const { code, stdout } = await serving.result;
      assert.deepEqual([code, stdout], [0, ""]);
    });
  }
});

Deno.test("run finishes uploads on Ctrl-C", async () => {
  using user = new TestUser();
  user.write("cases.wasm", await guestBytes("http_cases"));
  await using serving = await Serving.start(user, ["cases.wasm"]);
  const stopping = new Gate();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode("first"));
      await stopping.pass();
      controller.enqueue(new TextEncoder().encode(" second"));
      controller.close();
    },
  });
  const response = await serving.fetch("/echo", { method: "POST", body });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value, "first");
  serving.kill("SIGINT");
  await serving.said("stopping");
  // Long enough for the body to be cancelled, should larder cancel it.
  await new Promise((resolve) => setTimeout(resolve, 200));
  stopping.open();
  assert.equal((await reader.read()).value, " second");
  assert.ok((await reader.read()).done);
  const { code, stderr } = await serving.result;
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /warning/);
});

Deno.test("run exits with 130 on a second Ctrl-C without finishing requests", async () => {
  const gate = new Gate();
  await using server = await waitingServer(gate);
  using user = await userWithHandler();
  const args = [`--allow-net=${server.host}`, "handler.wasm"];
  await using serving = await Serving.start(user, args);
  const underWay = serving.get(`/fetch?url=${encodeURIComponent(`http://${server.host}/`)}`);
  const broken = assert.rejects(underWay);
  await gate.reachedBy(serving.result);
  serving.kill("SIGINT");
  await serving.said("stopping");
  serving.kill("SIGINT");
  assert.equal((await serving.result).code, 130);
  await broken;
  gate.open();
});

Deno.test("run exits with 130 on Ctrl-C while it compiles", async () => {
  using user = new TestUser();
  user.write("handler.wasm", await jsComponent("http_handler"));
  await using running = user.spawn(["run", "--listen", "127.0.0.1:0", "handler.wasm"]);
  await running.said("compiling");
  running.kill("SIGINT");
  const { code, stderr } = await running.result;
  assert.equal(code, 130, stderr);
  assert.doesNotMatch(stderr, /^Serving/m);
});

Deno.test("run exits with 130 on Ctrl-C while a component starts without end", async () => {
  using user = new TestUser();
  user.write("endless.wasm", await endlessStart());
  await using running = user.spawn(["run", "--listen", "127.0.0.1:0", "endless.wasm"]);
  await running.said("compiling");
  const compiled = join(user.registry, "wasm");
  await until(() => existsSync(compiled) && filesBelow(compiled).length > 0, running.result);
  running.kill("SIGINT");
  const { code, stderr } = await running.result;
  assert.equal(code, 130, stderr);
});

Deno.test("run --listen fails on a port in use before it compiles anything", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using user = new TestUser();
  user.write("cases.wasm", await guestBytes("http_cases"));
  const address = `127.0.0.1:${listener.addr.port}`;
  const { code, stdout, stderr } = await user.larder(["run", "--listen", address, "cases.wasm"]);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(
    stderr,
    new RegExp(`^error: cannot listen on ${address}: .*\\[LDR_LISTEN\\]\nhint: .*--listen$`, "m"),
  );
  assert.doesNotMatch(stderr, /compiling/);
});

Deno.test("run --listen rejects an invalid address", async (t) => {
  using user = new TestUser();
  user.write("cases.wasm", await guestBytes("http_cases"));
  const cases: [address: string, code: number][] = [
    ["3000", 2],
    ["127.0.0.1:65536", 2],
    ["127.0.0.1:", 2],
    ["http://127.0.0.1:3000", 2],
    ["192.0.2.1:3000", 1],
  ];
  for (const [address, code] of cases) {
    await t.step(address, async () => {
      const result = await user.larder(["run", "--listen", address, "cases.wasm"]);
      assert.equal(result.code, code);
      assert.match(result.stderr, /^error: .* \[LDR_(?:USAGE|LISTEN)\]\nhint: .+$/m);
    });
  }
});

ipv6Test("run --listen accepts IPv6 addresses", async () => {
  using user = new TestUser();
  user.write("cases.wasm", await guestBytes("http_cases"));
  await using serving = await Serving.start(user, ["--listen", "[::1]:0", "cases.wasm"]);
  assert.match(serving.url, /^http:\/\/\[::1\]:\d+$/);
  assert.deepEqual(await serving.get("/hello"), [200, "hello\n"]);
});

Deno.test("run compiles a component once for an app and a file", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const wasm = await guestBytes("http_cases");
  const reference = registry.add("app", await packApp({ components: { cases: { wasm } } }), "v1");
  user.write("cases.wasm", wasm);
  {
    await using serving = await Serving.start(user, [reference]);
    assert.match(
      serving.stderr,
      /^compiling the component "cases" of .* \(cached for later runs\)$/m,
    );
    await serving.stop();
  }
  for (const subject of [reference, "cases.wasm"]) {
    await using serving = await Serving.start(user, [subject]);
    assert.doesNotMatch(serving.stderr, /compiling/);
    assert.deepEqual(await serving.get("/hello"), [200, "hello\n"]);
    await serving.stop();
  }
  assertStoreSound(user.registry);
});

Deno.test("run compiles again if the compiled form is damaged or missing", async (t) => {
  using user = new TestUser();
  user.write("cases.wasm", await guestBytes("http_cases"));
  await (await Serving.start(user, ["cases.wasm"])).stop();
  const trees = ["wasm", "data"].map((tree) => join(user.registry, tree));
  const spoil: Record<string, (path: string) => void> = {
    "truncated": (path) => Deno.truncateSync(path, Deno.statSync(path).size - 1),
    "missing": (path) => Deno.removeSync(path),
  };
  for (const [how, damage] of Object.entries(spoil)) {
    for (const tree of trees) {
      await t.step(`${how} in ${tree.slice(user.registry.length + 1)}/`, async () => {
        const [first] = filesBelow(tree);
        damage(first!);
        await using serving = await Serving.start(user, ["cases.wasm"]);
        assert.deepEqual(await serving.get("/hello"), [200, "hello\n"]);
        await serving.stop();
        assertStoreSound(user.registry);
      });
    }
  }
  await t.step("overwritten in wasm/", async () => {
    const [first] = filesBelow(trees[0]!);
    Deno.writeFileSync(first!, new Uint8Array(Deno.statSync(first!).size));
    for (const compiles of [true, false]) {
      await using serving = await Serving.start(user, ["cases.wasm"]);
      const { stderr } = await serving.stop();
      assert.equal(stderr.includes("compiling cases.wasm ("), compiles, stderr);
    }
    assertStoreSound(user.registry);
  });
});

Deno.test("run keeps serving after the cache is deleted", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const app = await packApp({
    components: {
      cases: { wasm: await guestBytes("http_cases") },
      other: { wasm: await guestBytes("http_cases", (wat) => wat.replace("hello\\n", "other\\n")) },
    },
    routes: { "/hello": "cases", "/wait": "other" },
  });
  const reference = registry.add("app", app, "v1");
  await using serving = await Serving.start(user, [reference]);
  Deno.removeSync(user.cache, { recursive: true });
  // Enough requests to start a second thread and to allocate new memories.
  const many = Array.from({ length: 40 }, () => serving.get("/wait"));
  assert.deepEqual(await serving.get("/hello"), [200, "hello\n"]);
  assert.deepEqual(await Promise.all(many), Array(40).fill([200, "other\n"]));
  assert.equal((await serving.stop()).code, 0);

  await using again = await Serving.start(user, [reference]);
  assert.match(again.stderr, /fetched 3 layers/);
  assert.deepEqual(await again.get("/hello"), [200, "hello\n"]);
  await again.stop();
  assertStoreSound(user.registry);
});
