import assert from "node:assert/strict";
import type { Reply, Request } from "../../../src/run/sockets/messages.ts";
import { SocketHost } from "../../../src/run/sockets/socket_host.ts";
import { parseHostRule } from "../../../src/run/grants/outbound_rule.ts";
import { TcpServer, UdpEcho } from "../../support/wasm/loopback.ts";
import { until } from "../../support/until.ts";

/** A thread that asks what it likes, whatever its guest was refused. */
class Asker implements Disposable {
  readonly #port: MessagePort;
  readonly #answers = new Map<number, PromiseWithResolvers<Reply>>();
  readonly host: SocketHost;
  #lastId = 0;
  isEnded = false;

  constructor(...hosts: string[]) {
    const { port1, port2 } = new MessageChannel();
    const settings = { allowedHosts: hosts.map(parseHostRule), grantor: "options" } as const;
    this.host = new SocketHost(port2, settings, () => this.isEnded = true);
    this.#port = port1;
    port1.onmessage = ({ data }: MessageEvent<Reply>) => this.#answers.get(data.id)!.resolve(data);
  }

  /** What it is answered: the code of a failure, or else the value. */
  async ask(request: Record<string, unknown>): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<Reply>();
    this.#answers.set(id, answer);
    this.#port.postMessage({ id, ...request } as unknown as Request);
    const result = await answer.promise;
    return "failure" in result ? result.failure.code : result.value;
  }

  [Symbol.dispose](): void {
    this.host.abort();
    this.#port.close();
  }
}

Deno.test("a thread gets nothing that its guest was not granted, however it asks", async () => {
  await using server = TcpServer.echo();
  await using echo = new UdpEcho();
  using asker = new Asker("127.0.0.2", "example.com");
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
    assert.equal(await asker.ask(request), "access-denied", request.type);
  }
  const any = { type: "bindDatagrams", socket: 2, local: { ip: "0.0.0.0", port: 0 } };
  assert.equal(((await asker.ask(any)) as { ip: string }).ip, "0.0.0.0");
  const to = { ip: "127.0.0.1", port: echo.port };
  const sent = { type: "send", socket: 2, bytes: new Uint8Array(1), remote: to };
  assert.equal(await asker.ask(sent), "access-denied");
  assert.equal(server.count, 0);
});

Deno.test("sockets are closed at once when their thread is no more", async () => {
  await using server = TcpServer.silent();
  using asker = new Asker("127.0.0.1");
  const remote = { ip: "127.0.0.1", port: server.port };
  await asker.ask({ type: "connect", socket: 1, remote });
  const { port } = await asker.ask({
    type: "listen",
    socket: 2,
    local: { ip: "127.0.0.1", port: 0 },
  }) as { port: number };
  asker.host.abort();
  assert.equal(asker.isEnded, true);
  await until(() => server.count === 1);
  assert.throws(() => Deno.listen({ hostname: "127.0.0.1", port: server.port }));
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

Deno.test("a socket that is closed while it connects, accepts or reads fails there", async () => {
  await using server = TcpServer.silent();
  using asker = new Asker("127.0.0.1");
  await asker.ask({ type: "listen", socket: 1, local: { ip: "127.0.0.1", port: 0 } });
  const accepting = asker.ask({ type: "accept", socket: 1, as: 2 });
  await asker.ask({ type: "close", socket: 1 });
  assert.equal(typeof await accepting, "string");
  await asker.ask({
    type: "connect",
    socket: 3,
    remote: { ip: "127.0.0.1", port: server.port },
  });
  const reading = asker.ask({ type: "read", socket: 3, atMost: 1 });
  await asker.ask({ type: "close", socket: 3 });
  assert.equal(typeof await reading, "string");
  assert.equal(await asker.ask({ type: "read", socket: 3, atMost: 1 }), "invalid-state");
  assert.equal(await asker.ask({ type: "end" }), undefined);
  assert.equal(asker.isEnded, true);
});
