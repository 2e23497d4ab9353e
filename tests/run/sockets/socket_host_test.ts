import assert from "node:assert/strict";
import { parseHostRule } from "../../../src/run/grants/outbound_rule.ts";
import type { Reply, Request } from "../../../src/run/sockets/messages.ts";
import { SocketHost } from "../../../src/run/sockets/socket_host.ts";
import { until } from "../../support/until.ts";
import { TcpServer, UdpEcho } from "../../support/wasm/loopback.ts";

/** A guest's thread that sends any request, without checking grants itself. */
class RawSession implements Disposable {
  readonly #port: MessagePort;
  readonly #replies = new Map<number, PromiseWithResolvers<Reply>>();
  readonly host: SocketHost;
  #lastId = 0;
  hasEnded = false;

  constructor(...hosts: string[]) {
    const { port1, port2 } = new MessageChannel();
    const settings = { allowedHosts: hosts.map(parseHostRule), grantor: "options" } as const;
    this.host = new SocketHost(port2, settings, () => this.hasEnded = true);
    this.#port = port1;
    port1.onmessage = ({ data }: MessageEvent<Reply>) => this.#replies.get(data.id)!.resolve(data);
  }

  /** Resolves to the value, or to the code of a failure. */
  async request(request: Record<string, unknown>): Promise<unknown> {
    const id = ++this.#lastId;
    const pending = Promise.withResolvers<Reply>();
    this.#replies.set(id, pending);
    this.#port.postMessage({ id, ...request } as unknown as Request);
    const reply = await pending.promise;
    return "failure" in reply ? reply.failure.code : reply.value;
  }

  [Symbol.dispose](): void {
    this.host.abort();
    this.#port.close();
  }
}

Deno.test("SocketHost denies every request that the guest has no grant for", async () => {
  await using server = TcpServer.echo();
  await using echo = new UdpEcho();
  using session = new RawSession("127.0.0.2", "example.com");
  const local = { ip: "127.0.0.1", port: 0 };
  const remote = { ip: "127.0.0.1", port: server.port };
  const requests = [
    { type: "connect", socket: 1, remote },
    { type: "connect", socket: 1, remote: { ip: "localhost", port: server.port } },
    { type: "listen", socket: 1, local },
    { type: "listen", socket: 1, local: { ip: "0.0.0.0", port: 0 } },
    { type: "bindDatagrams", socket: 1, local },
    { type: "lookUp", name: "localhost" },
  ];
  for (const request of requests) {
    assert.equal(await session.request(request), "access-denied", request.type);
  }
  const any = { type: "bindDatagrams", socket: 2, local: { ip: "0.0.0.0", port: 0 } };
  assert.equal(((await session.request(any)) as { ip: string }).ip, "0.0.0.0");
  const to = { ip: "127.0.0.1", port: echo.port };
  const sent = { type: "send", socket: 2, bytes: new Uint8Array(1), remote: to };
  assert.equal(await session.request(sent), "access-denied");
  assert.equal(server.count, 0);
});

Deno.test("SocketHost.abort closes connections and listeners at once", async () => {
  await using server = TcpServer.silent();
  using session = new RawSession("127.0.0.1");
  const remote = { ip: "127.0.0.1", port: server.port };
  await session.request({ type: "connect", socket: 1, remote });
  const { port } = await session.request({
    type: "listen",
    socket: 2,
    local: { ip: "127.0.0.1", port: 0 },
  }) as { port: number };
  session.host.abort();
  assert.equal(session.hasEnded, true);
  await until(() => server.count === 1);
  assert.throws(() => Deno.listen({ hostname: "127.0.0.1", port: server.port }));
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

Deno.test("SocketHost fails the pending accept and read of a closed socket", async () => {
  await using server = TcpServer.silent();
  using session = new RawSession("127.0.0.1");
  await session.request({ type: "listen", socket: 1, local: { ip: "127.0.0.1", port: 0 } });
  const accepting = session.request({ type: "accept", socket: 1, as: 2 });
  await session.request({ type: "close", socket: 1 });
  assert.equal(typeof await accepting, "string");
  await session.request({
    type: "connect",
    socket: 3,
    remote: { ip: "127.0.0.1", port: server.port },
  });
  const reading = session.request({ type: "read", socket: 3, atMost: 1 });
  await session.request({ type: "close", socket: 3 });
  assert.equal(typeof await reading, "string");
  assert.equal(await session.request({ type: "read", socket: 3, atMost: 1 }), "invalid-state");
  assert.equal(await session.request({ type: "end" }), undefined);
  assert.equal(session.hasEnded, true);
});
