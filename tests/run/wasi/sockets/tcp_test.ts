import assert from "node:assert/strict";
import { WRITE_WINDOW } from "../../../../src/run/wasi/io/output_stream.ts";
import { MAX_RESOURCES } from "../../../../src/run/wasi/resources.ts";
import type { TcpSocket } from "../../../../src/run/wasi/sockets/tcp.ts";
import { until } from "../../../support/until.ts";
import {
  at,
  finished,
  isCode,
  NETWORK,
  readAll,
  SocketGuest,
} from "../../../support/wasm/guest_sockets.ts";
import { closedPort, ipv6Test, TcpServer } from "../../../support/wasm/loopback.ts";
import { streamError, textOf } from "../../../support/wasm/streams.ts";

const LOOPBACK = "127.0.0.1";

const utf8 = (text: string) => new TextEncoder().encode(text);

async function echoes(ip: string): Promise<void> {
  await using server = TcpServer.echo(ip);
  using guest = new SocketGuest(["*"]);
  const [socket, input, output] = await guest.connected(at(ip, server.port));
  assert.deepEqual(socket.remoteAddress(), at(ip, server.port));
  const local = socket.localAddress();
  assert.deepEqual(local, at(ip, local.val.port));
  assert.notEqual(local.val.port, 0);
  await output.blockingWriteAndFlush(utf8("hello"));
  assert.equal(textOf(await input.blockingRead(100n)), "hello");
  // The server shuts down after it has read to the end.
  socket.shutdown("send");
  socket.shutdown("send");
  assert.throws(() => output.checkWrite(), streamError("closed"));
  assert.throws(() => output.write(utf8("x")), streamError("closed"));
  await assert.rejects(input.blockingRead(1n), streamError("closed"));
}

Deno.test("tcp-socket connects, and each side shuts down by itself", () => echoes(LOOPBACK));

ipv6Test("tcp-socket connects to an IPv6 address", () => echoes("::1"));

Deno.test("tcp-socket transfers both ways at once within the write window", async () => {
  await using server = TcpServer.echo();
  using guest = new SocketGuest([LOOPBACK]);
  const [socket, input, output] = await guest.connected(at(LOOPBACK, server.port));
  const size = 16 * 1024 * 1024;
  const sent = new Uint8Array(size).map((_, i) => i * 7 + (i >> 11));
  async function write(): Promise<void> {
    for (let from = 0; from < size;) {
      const room = Number(output.checkWrite());
      assert.ok(room <= WRITE_WINDOW);
      if (room === 0) await output.subscribe().block();
      output.write(sent.slice(from, from + room));
      from += room;
    }
    socket.shutdown("send");
  }
  const [received] = await Promise.all([readAll(input), write()]);
  assert.equal(received.length, size);
  assert.ok(received.every((byte, i) => byte === sent[i]));
});

Deno.test("tcp-socket stops taking writes when the peer does not read", async () => {
  await using server = TcpServer.silent();
  using guest = new SocketGuest([LOOPBACK]);
  const [, , output] = await guest.connected(at(LOOPBACK, server.port));
  // The system's buffers fill up first: they are full once 100 checks in a row find no room.
  let written = 0;
  for (let fullChecks = 0; fullChecks < 100 && written < 64 * 1024 * 1024; fullChecks++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const room = Number(output.checkWrite());
    assert.ok(room <= WRITE_WINDOW);
    if (room === 0) continue;
    output.write(new Uint8Array(room));
    written += room;
    fullChecks = -1;
  }
  assert.ok(written < 64 * 1024 * 1024, `${written} bytes were taken`);
  // No turn of the event loop has passed since there was no room.
  assert.equal(output.checkWrite(), 0n);
  assert.equal(output.subscribe().ready(), false);
});

Deno.test("tcp-socket is closed after a refused connection", async () => {
  using guest = new SocketGuest(["*"]);
  const socket = guest.tcp();
  socket.startConnect(NETWORK, at(LOOPBACK, closedPort()));
  assert.throws(
    () => socket.startConnect(NETWORK, at(LOOPBACK, 1)),
    isCode("concurrency-conflict"),
  );
  assert.throws(() => socket.startBind(NETWORK, at(LOOPBACK, 0)), isCode("concurrency-conflict"));
  assert.throws(() => socket.finishConnect(), isCode("would-block"));
  await assert.rejects(
    finished(socket, () => socket.finishConnect()),
    isCode("connection-refused"),
  );
  assert.throws(() => socket.finishConnect(), isCode("not-in-progress"));
  assert.throws(() => socket.startConnect(NETWORK, at(LOOPBACK, 1)), isCode("invalid-state"));
  assert.throws(() => socket.hopLimit(), isCode("invalid-state"));
  assert.equal(socket.subscribe().ready(), true);
});

const UNREACHABLE: [what: string, address: ReturnType<typeof at>][] = [
  ["port 0", at(LOOPBACK, 0)],
  ["the unspecified address", at("0.0.0.0", 1)],
  ["an address of the other family", at("::1", 1)],
  ["a multicast address", at("224.0.0.1", 1)],
  ["the broadcast address", at("255.255.255.255", 1)],
];

for (const [what, address] of UNREACHABLE) {
  Deno.test(`tcp-socket does not connect to ${what}`, () => {
    using guest = new SocketGuest(["*"]);
    const socket = guest.tcp();
    assert.throws(() => socket.startConnect(NETWORK, address), isCode("invalid-argument"));
    assert.throws(() => socket.startConnect(NETWORK, at(LOOPBACK, 1)), isCode("invalid-state"));
  });
}

Deno.test("tcp-socket rejects an IPv4-mapped IPv6 address", () => {
  using guest = new SocketGuest(["*"]);
  const mapped = at("::ffff:7f00:1", 1);
  assert.throws(() => guest.tcp("ipv6").startConnect(NETWORK, mapped), isCode("invalid-argument"));
  assert.throws(() => guest.tcp("ipv6").startBind(NETWORK, mapped), isCode("invalid-argument"));
});

Deno.test("tcp-socket ends its streams when the peer closes the connection", async () => {
  const close = Promise.withResolvers<void>();
  await using server = new TcpServer(async (conn) => {
    await conn.write(utf8("bye"));
    await close.promise;
  });
  using guest = new SocketGuest([LOOPBACK]);
  const [, input, output] = await guest.connected(at(LOOPBACK, server.port));
  assert.equal(textOf(await input.blockingRead(100n)), "bye");
  close.resolve();
  await assert.rejects(input.blockingRead(1n), streamError("closed"));
  await assert.rejects(async () => {
    for (;;) await output.blockingWriteAndFlush(utf8("hello?"));
  }, (error) => streamError("closed")(error) || streamError("last-operation-failed")(error));
});

Deno.test("tcp-socket.shutdown for receiving ends the input at once", async () => {
  await using server = TcpServer.silent();
  using guest = new SocketGuest([LOOPBACK]);
  const [socket, input, output] = await guest.connected(at(LOOPBACK, server.port));
  socket.shutdown("receive");
  assert.throws(() => input.read(1n), streamError("closed"));
  await output.blockingWriteAndFlush(utf8("still here"));
});

Deno.test("tcp-socket listens and accepts one connection after the other", async () => {
  using guest = new SocketGuest([LOOPBACK]);
  const socket = await guest.listening();
  assert.equal(socket.isListening(), true);
  assert.throws(() => socket.accept(), isCode("would-block"));
  assert.throws(() => socket.startListen(), isCode("invalid-state"));
  assert.throws(() => socket.startConnect(NETWORK, at(LOOPBACK, 1)), isCode("invalid-state"));
  const { port } = socket.localAddress().val;
  socket.setKeepAliveIdleTime(5_000_000_000n);
  for (const text of ["one", "two"]) {
    using client = await Deno.connect({ hostname: LOOPBACK, port });
    const [accepted, input, output] = await finished(socket, () => socket.accept());
    const { port: from } = client.localAddr as Deno.NetAddr;
    assert.deepEqual(accepted.remoteAddress(), at(LOOPBACK, from));
    assert.deepEqual(accepted.localAddress(), at(LOOPBACK, port));
    assert.equal(accepted.keepAliveIdleTime(), 5_000_000_000n);
    assert.equal(accepted.isListening(), false);
    await client.write(utf8(text));
    assert.equal(textOf(await input.blockingRead(10n)), text);
    await output.blockingWriteAndFlush(utf8(text));
    accepted[Symbol.dispose]();
    const buffer = new Uint8Array(10);
    assert.equal(await client.read(buffer), 3);
    assert.equal(await client.read(buffer), null);
  }
});

Deno.test("tcp-socket.accept fails above MAX_RESOURCES and keeps the connection waiting", async () => {
  using guest = new SocketGuest([LOOPBACK]);
  const listening = await guest.listening();
  const { port } = listening.localAddress().val;
  const sockets: TcpSocket[] = [];
  assert.throws(() => {
    while (sockets.length < 2 * MAX_RESOURCES) sockets.push(guest.tcp());
  }, isCode("new-socket-limit"));
  using _client = await Deno.connect({ hostname: LOOPBACK, port });
  const accept = finished(listening, () => listening.accept());
  await assert.rejects(accept, isCode("new-socket-limit"));
  sockets[0]![Symbol.dispose]();
  listening.accept();
});

ipv6Test("tcp-socket that listens on :: does not accept IPv4 connections", async () => {
  using guest = new SocketGuest(["*"]);
  const socket = await guest.listening("::");
  const { port } = socket.localAddress().val;
  // Some systems refuse the connection.
  using ipv4Client = await Deno.connect({ hostname: LOOPBACK, port }).catch(() => undefined);
  using client = await Deno.connect({ hostname: "::1", port });
  const [accepted] = await finished(socket, () => socket.accept());
  assert.deepEqual(accepted.remoteAddress(), at("::1", client.localAddr.port));
  assert.equal(await ipv4Client?.read(new Uint8Array(1)) ?? null, null);
});

Deno.test("tcp-socket binds once, to the requested address", async () => {
  using guest = new SocketGuest([LOOPBACK]);
  const socket = guest.tcp();
  assert.throws(() => socket.localAddress(), isCode("invalid-state"));
  assert.throws(() => socket.finishBind(), isCode("not-in-progress"));
  assert.throws(() => socket.startListen(), isCode("invalid-state"));
  assert.throws(() => socket.finishListen(), isCode("not-in-progress"));
  assert.throws(() => socket.shutdown("both"), isCode("invalid-state"));
  socket.startBind(NETWORK, at(LOOPBACK, 0));
  assert.throws(() => socket.startBind(NETWORK, at(LOOPBACK, 0)), isCode("concurrency-conflict"));
  assert.throws(() => socket.startListen(), isCode("concurrency-conflict"));
  assert.throws(() => socket.finishBind(), isCode("would-block"));
  await finished(socket, () => socket.finishBind());
  assert.throws(() => socket.startBind(NETWORK, at(LOOPBACK, 0)), isCode("invalid-state"));
  assert.throws(() => socket.accept(), isCode("invalid-state"));
  assert.throws(() => socket.remoteAddress(), isCode("invalid-state"));
  const second = guest.tcp();
  second.startBind(NETWORK, socket.localAddress());
  await assert.rejects(finished(second, () => second.finishBind()), isCode("address-in-use"));
  second.startBind(NETWORK, at(LOOPBACK, 0));
  await finished(second, () => second.finishBind());
});

Deno.test("tcp-socket bound to no address connects without the grant to listen", async () => {
  await using server = TcpServer.echo();
  using guest = new SocketGuest([`${LOOPBACK}:${server.port}`]);
  const socket = guest.tcp();
  socket.startBind(NETWORK, at("0.0.0.0", 0));
  await finished(socket, () => socket.finishBind());
  assert.deepEqual(socket.localAddress(), at("0.0.0.0", 0));
  socket.startConnect(NETWORK, at(LOOPBACK, server.port));
  await finished(socket, () => socket.finishConnect());
  assert.notEqual(socket.localAddress().val.port, 0);
  const listening = guest.tcp();
  listening.startBind(NETWORK, at("0.0.0.0", 0));
  await finished(listening, () => listening.finishBind());
  assert.throws(() => listening.startListen(), isCode("access-denied"));
  assert.throws(() => listening.startListen(), isCode("invalid-state"));
  assert.deepEqual(guest.denials, [
    "refused to listen on 0.0.0.0: allow it with --allow-net=0.0.0.0",
  ]);
});

Deno.test("tcp-socket connects from its bound address, but not from a chosen port", async () => {
  await using server = TcpServer.echo();
  using guest = new SocketGuest(["*"]);
  const boundTo = async (port: number) => {
    const socket = guest.tcp();
    socket.startBind(NETWORK, at(LOOPBACK, port));
    await finished(socket, () => socket.finishBind());
    return socket;
  };
  const any = await boundTo(0);
  any.startConnect(NETWORK, at(LOOPBACK, server.port));
  await finished(any, () => any.finishConnect());
  assert.equal(any.localAddress().tag, "ipv4");
  const one = await boundTo(closedPort());
  const connect = () => one.startConnect(NETWORK, at(LOOPBACK, server.port));
  assert.throws(connect, isCode("not-supported"));
});

const OPTIONS: [name: string, value: number | bigint][] = [
  ["KeepAliveIdleTime", 1n],
  ["KeepAliveInterval", 2n],
  ["KeepAliveCount", 3],
  ["HopLimit", 4],
  ["ReceiveBufferSize", 5n],
  ["SendBufferSize", 6n],
];

Deno.test("tcp-socket stores options, and rejects zero", async (t) => {
  await using server = TcpServer.echo();
  using guest = new SocketGuest([LOOPBACK]);
  const [socket] = await guest.connected(at(LOOPBACK, server.port));
  const methods = socket as unknown as Record<string, (value?: number | bigint) => unknown>;
  for (const [name, value] of OPTIONS) {
    await t.step(name, () => {
      const set = (value: number | bigint) => methods[`set${name}`]!(value);
      const get = () => methods[`${name[0]!.toLowerCase()}${name.slice(1)}`]!();
      assert.notEqual(get(), 0);
      set.call(socket, value);
      assert.equal(get.call(socket), value);
      const zero = typeof value === "bigint" ? 0n : 0;
      assert.throws(() => set.call(socket, zero), isCode("invalid-argument"));
      assert.equal(get.call(socket), value);
    });
  }
  assert.equal(socket.keepAliveEnabled(), false);
  socket.setKeepAliveEnabled(true);
  assert.equal(socket.keepAliveEnabled(), true);
  assert.throws(() => socket.setListenBacklogSize(5n), isCode("invalid-state"));
  assert.throws(() => guest.tcp().setListenBacklogSize(0n), isCode("invalid-argument"));
  guest.tcp().setListenBacklogSize(5n);
});

/** Ways in which a guest gives up a connection. */
const ENDS: [how: string, end: (guest: SocketGuest, socket: TcpSocket) => unknown][] = [
  ["drops it", (_, socket) => socket[Symbol.dispose]()],
  ["ends", (guest) => guest.end()],
];

for (const [how, end] of ENDS) {
  Deno.test(`tcp-socket sends everything written before it closes when the guest ${how}`, async () => {
    let received = 0;
    await using server = new TcpServer(async (conn) => {
      const buffer = new Uint8Array(64 * 1024);
      for (let count; (count = await conn.read(buffer)) !== null;) received += count;
    });
    using guest = new SocketGuest([LOOPBACK]);
    const [socket, , output] = await guest.connected(at(LOOPBACK, server.port));
    output.write(new Uint8Array(WRITE_WINDOW));
    await end(guest, socket);
    await until(() => server.count === 1 && server.open === 0);
    assert.equal(received, WRITE_WINDOW);
  });
}

Deno.test("tcp-socket closes its listener and fails its waits when the guest ends", async () => {
  using guest = new SocketGuest([LOOPBACK]);
  const socket = await guest.listening();
  const { port } = socket.localAddress().val;
  const waiting = assert.rejects(socket.subscribe().block(), /the instance has ended/);
  await guest.end();
  await waiting;
  await assert.rejects(Deno.connect({ hostname: LOOPBACK, port }), Deno.errors.ConnectionRefused);
});

Deno.test("tcp-socket fails a blocking read when the guest ends", async () => {
  await using server = TcpServer.silent();
  using guest = new SocketGuest([LOOPBACK]);
  const [, input] = await guest.connected(at(LOOPBACK, server.port));
  const reading = assert.rejects(input.blockingRead(1n));
  await guest.end();
  await reading;
  await until(() => server.count === 1);
});
