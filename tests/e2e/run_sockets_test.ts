import assert from "node:assert/strict";
import { packApp } from "../support/cache/spin_apps.ts";
import { preparedUser } from "../support/cli/prepared_user.ts";
import { Serving } from "../support/cli/serving.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { until } from "../support/until.ts";
import { jsComponent } from "../support/wasm/js_component.ts";
import { closedPort, TcpServer, UdpEcho } from "../support/wasm/loopback.ts";

const LOOPBACK = "127.0.0.1";

/** Creates a user with the command of `guests/sockets.js`, already compiled. */
const userWithSockets = preparedUser(async (user) => {
  user.write("sockets.wasm", await jsComponent("command"));
  const { code, stderr } = await user.larder(["run", "sockets.wasm", "--", "nothing"]);
  assert.equal(code, 1, stderr);
});

/** Returns larder's arguments: options of run, then arguments of the command. */
function run(options: readonly string[], ...args: (string | number)[]): string[] {
  return ["run", ...options, "sockets.wasm", "--", ...args.map(String)];
}

Deno.test("run lets a command connect only to the addresses that --allow-net grants", async (t) => {
  using user = await userWithSockets();
  await using server = TcpServer.echo();
  const { port } = server;
  const address = `${LOOPBACK}:${port}`;
  for (const hosts of ["", `=${address}`, `=${LOOPBACK}`, "=127.0.0.0/8", `=*:${port}`]) {
    await t.step(`granted: --allow-net${hosts}`, async () => {
      const said = run([`--allow-net${hosts}`], "say", LOOPBACK, port, "hello");
      assert.deepEqual(await user.larder(said), { code: 0, stdout: "hello\n", stderr: "" });
    });
  }
  const { count } = server;
  for (const options of [[], ["--allow-net=127.0.0.1:1"], [`--allow-net=localhost:${port}`]]) {
    await t.step(`refused: ${options}`, async () => {
      const { code, stdout, stderr } = await user.larder(
        run(options, "say", LOOPBACK, port, "hello"),
      );
      assert.deepEqual([code, stdout], [1, ""]);
      const line =
        `warning: refused to connect to ${address}: allow it with --allow-net=${address}`;
      assert.deepEqual(stderr.trimEnd().split("\n").sort(), ["say: access-denied", line]);
      assert.equal(server.count, count);
    });
  }
  await t.step("a closed port", async () => {
    const said = run(["--allow-net"], "say", LOOPBACK, closedPort(), "hello");
    const stderr = "say: connection-refused\n";
    assert.deepEqual(await user.larder(said), { code: 1, stdout: "", stderr });
  });
});

Deno.test("run lets a command reach the addresses of a granted name at its port", async () => {
  using user = await userWithSockets();
  await using server = TcpServer.echo();
  const { port } = server;
  const call = (hosts: string) =>
    user.larder(run([`--allow-net=${hosts}`], "call", "localhost", port, "hello"));
  const { code, stdout, stderr } = await call(`localhost:${port}`);
  assert.deepEqual([code, stdout], [0, "hello\n"], stderr);
  assert.doesNotMatch(stderr, /refused/);
  const elsewhere = await call("localhost:1");
  assert.equal(elsewhere.code, 1);
  assert.match(elsewhere.stderr, new RegExp(`allow it with --allow-net=localhost:${port}$`, "m"));
  assert.match(elsewhere.stderr, /^call: access-denied$/m);
  const unknown = await call("example.com");
  assert.match(unknown.stderr, /refused to look up localhost: .* --allow-net=localhost$/m);
});

Deno.test("run transfers 8 MiB over TCP in both directions at once", async () => {
  using user = await userWithSockets();
  await using server = TcpServer.echo();
  const size = 8 * 1024 * 1024;
  const result = await user.larder(run(["--allow-net"], "transfer", LOOPBACK, server.port, size));
  const stdout = `${size} bytes, and 0 after them\n`;
  assert.deepEqual(result, { code: 0, stdout, stderr: "" });
});

Deno.test("run sends everything that a command wrote before it ended", async () => {
  using user = await userWithSockets();
  let received = 0;
  await using server = new TcpServer(async (conn) => {
    const buffer = new Uint8Array(64 * 1024);
    for (let count; (count = await conn.read(buffer)) !== null;) received += count;
  });
  const result = await user.larder(run(["--allow-net"], "leave", LOOPBACK, server.port, 200_000));
  assert.deepEqual(result, { code: 0, stdout: "", stderr: "" });
  await until(() => server.count === 1 && server.open === 0);
  assert.equal(received, 200_000);
});

Deno.test("run lets a command listen only on the addresses that --allow-net grants", async () => {
  using user = await userWithSockets();
  await using running = user.spawn(run([`--allow-net=${LOOPBACK}`], "serve", LOOPBACK, 0, 2));
  await running.said("listening at ");
  const port = Number(/listening at (\d+)/.exec(running.stderr)?.[1]);
  for (const text of ["one", "two"]) {
    using client = await Deno.connect({ hostname: LOOPBACK, port });
    await client.write(new TextEncoder().encode(text));
    await client.closeWrite();
    assert.equal(await new Response(client.readable).text(), text);
  }
  const { code, stderr } = await running.result;
  assert.equal(code, 0, stderr);
  const refused = await user.larder(run(["--allow-net=127.0.0.2"], "serve", LOOPBACK, port, 1));
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    new RegExp(`refused to listen on ${LOOPBACK}:${port}: .*--allow-net=${LOOPBACK}:${port}$`, "m"),
  );
  assert.match(refused.stderr, /^serve: access-denied$/m);
});

Deno.test("run lets a command exchange datagrams with a granted address", async () => {
  using user = await userWithSockets();
  await using server = new UdpEcho();
  const address = `${LOOPBACK}:${server.port}`;
  const sent = ["datagram", LOOPBACK, server.port, "hello"] as const;
  const granted = await user.larder(run([`--allow-net=${address}`], ...sent));
  assert.deepEqual(granted, { code: 0, stdout: "hello\n", stderr: "" });
  const refused = await user.larder(run([], ...sent));
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, new RegExp(`refused to send to ${address}: .*=${address}$`, "m"));
  assert.match(refused.stderr, /^datagram: access-denied$/m);
});

for (const [signal, code] of [["SIGINT", 130], ["SIGKILL", 137]] as const) {
  Deno.test(`run closes the connection of a command that waits for a peer on ${signal}`, async () => {
    using user = await userWithSockets();
    await using server = TcpServer.echo();
    await using running = user.spawn(run(["--allow-net"], "wait", LOOPBACK, server.port));
    await running.said("connected");
    assert.equal(server.open, 1);
    running.kill(signal);
    assert.equal((await running.result).code, code);
    await until(() => server.open === 0);
  });
}

Deno.test("run limits an app to the sockets that it lists and denies listening", async (t) => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await using tcp = TcpServer.echo();
  await using udp = new UdpEcho();
  // It reads until the end, so that it notices a closed connection.
  await using silent = new TcpServer(async (conn) => {
    while (await conn.read(new Uint8Array(100)) !== null);
  });
  const wasm = await jsComponent("http_handler");
  const outboundHosts = [
    `tcp://${LOOPBACK}:${tcp.port}`,
    `udp://${LOOPBACK}:${udp.port}`,
    `tcp://${LOOPBACK}:${silent.port}`,
    "tcp://localhost:1",
  ];
  const app = await packApp({ components: { handler: { wasm, outboundHosts } } });
  await using serving = await Serving.start(user, [registry.add("app", app, "v1")]);
  const get = (path: string, query: Record<string, string | number> = {}) =>
    serving.get(`${path}?${new URLSearchParams(query as Record<string, string>)}`);
  const at = (port: number) => ({ ip: LOOPBACK, port, text: "hello" });
  await t.step("listed addresses", async () => {
    assert.deepEqual(await get("/say", at(tcp.port)), [200, "hello"]);
    assert.deepEqual(await get("/send", at(udp.port)), [200, "hello"]);
    assert.equal((await get("/look-up", { name: "localhost" }))[0], 200);
  });
  const refused: [path: string, query: Record<string, string | number>, line: string][] = [
    ["/say", at(udp.port), `connect to tcp://${LOOPBACK}:${udp.port}: the app does not list it`],
    ["/send", at(tcp.port), `send to udp://${LOOPBACK}:${tcp.port}: the app does not list it`],
    ["/listen", at(tcp.port), `listen on ${LOOPBACK}:${tcp.port}: components of an app cannot`],
    ["/look-up", { name: "example.com" }, "look up example.com: the app does not list it"],
  ];
  for (const [path, query, line] of refused) {
    await t.step(`denied: ${path}`, async () => {
      assert.deepEqual(await get(path, query), [502, "access-denied"]);
      await serving.said(`refused to ${line}`);
    });
  }
  await t.step(
    "a request that waits for a peer blocks no other and closes with its client",
    async () => {
      const client = new AbortController();
      const query = new URLSearchParams({ ip: LOOPBACK, port: String(silent.port), text: "hello" });
      const waiting = Array.from(
        { length: 4 },
        () => serving.fetch(`/say?${query}`, { signal: client.signal }).catch(() => undefined),
      );
      await until(() => silent.open === waiting.length);
      assert.deepEqual(await get("/hello"), [200, "hello from JavaScript\n"]);
      client.abort();
      assert.deepEqual(await Promise.all(waiting), waiting.map(() => undefined));
      await until(() => silent.open === 0);
      assert.deepEqual(await get("/say", at(tcp.port)), [200, "hello"]);
    },
  );
  // Deno warns about request signals, which users cannot act on.
  assert.doesNotMatch(serving.stderr, /Deno/);
});
