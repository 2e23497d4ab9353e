import assert from "node:assert/strict";
import {
  type IncomingDatagramStream,
  MAX_DATAGRAMS,
  type OutgoingDatagramStream,
} from "../../../../src/run/wasi/sockets/datagrams.ts";
import type { IpSocketAddress } from "../../../../src/run/wasi/sockets/network.ts";
import { at, finished, isCode, NETWORK, SocketGuest } from "../../../support/wasm/guest_sockets.ts";
import { closedPort, ipv6Test, UdpEcho, udpSocket } from "../../../support/wasm/loopback.ts";
import { textOf } from "../../../support/wasm/streams.ts";

const LOOPBACK = "127.0.0.1";

const utf8 = (text: string) => new TextEncoder().encode(text);

function send(
  output: OutgoingDatagramStream,
  text: string,
  remoteAddress?: IpSocketAddress,
): bigint {
  output.checkSend();
  return output.send([{ data: utf8(text), ...remoteAddress && { remoteAddress } }]);
}

async function next(input: IncomingDatagramStream): Promise<string> {
  for (;;) {
    const [datagram] = input.receive(1n);
    if (datagram) return textOf(datagram.data);
    await input.subscribe().block();
  }
}

async function echoes(ip: string): Promise<void> {
  await using server = new UdpEcho(ip);
  using guest = new SocketGuest([ip.includes(":") ? `[${ip}]` : ip]);
  const socket = await guest.bound(ip.includes(":") ? "::" : "0.0.0.0");
  const [input, output] = socket.stream(undefined);
  assert.deepEqual(input.receive(10n), []);
  assert.equal(send(output, "one", at(ip, server.port)), 1n);
  await input.subscribe().block();
  assert.deepEqual(input.receive(10n), [
    { data: utf8("one"), remoteAddress: at(ip, server.port) },
  ]);
}

Deno.test("udp-socket sends a datagram and receives the reply", () => echoes(LOOPBACK));

ipv6Test("udp-socket sends a datagram to an IPv6 address", () => echoes("::1"));

Deno.test("udp-socket.stream restricts its streams to an endpoint, and closes the previous ones", async () => {
  await using one = new UdpEcho();
  await using other = new UdpEcho();
  using guest = new SocketGuest([LOOPBACK]);
  const socket = await guest.bound();
  assert.throws(() => socket.remoteAddress(), isCode("invalid-state"));
  const [before, sender] = socket.stream(undefined);
  send(sender, "from the other", at(LOOPBACK, other.port));
  await before.subscribe().block();
  const [input, output] = socket.stream(at(LOOPBACK, one.port));
  assert.deepEqual(socket.remoteAddress(), at(LOOPBACK, one.port));
  const elsewhere = at(LOOPBACK, other.port);
  assert.throws(() => send(output, "x", elsewhere), isCode("invalid-argument"));
  assert.equal(send(output, "from the one", at(LOOPBACK, one.port)), 1n);
  assert.equal(await next(input), "from the one");
  assert.equal(send(output, "again"), 1n);
  assert.equal(await next(input), "again");
  assert.throws(() => before.receive(1n), isCode("invalid-state"));
  assert.throws(() => sender.checkSend(), isCode("invalid-state"));
  assert.equal(before.subscribe().ready(), true);
});

Deno.test("udp-socket must be bound before use, and only once", async () => {
  using guest = new SocketGuest(["*"]);
  const socket = guest.udp();
  assert.throws(() => socket.stream(undefined), isCode("invalid-state"));
  assert.throws(() => socket.localAddress(), isCode("invalid-state"));
  assert.throws(() => socket.finishBind(), isCode("not-in-progress"));
  assert.throws(() => socket.startBind(NETWORK, at("::1", 0)), isCode("invalid-argument"));
  socket.startBind(NETWORK, at(LOOPBACK, 0));
  assert.throws(() => socket.startBind(NETWORK, at(LOOPBACK, 0)), isCode("concurrency-conflict"));
  assert.throws(() => socket.finishBind(), isCode("would-block"));
  await finished(socket, () => socket.finishBind());
  assert.throws(() => socket.startBind(NETWORK, at(LOOPBACK, 0)), isCode("invalid-state"));
  assert.notEqual(socket.localAddress().val.port, 0);
  const second = guest.udp();
  second.startBind(NETWORK, socket.localAddress());
  await assert.rejects(finished(second, () => second.finishBind()), isCode("address-in-use"));
  second.startBind(NETWORK, at(LOOPBACK, 0));
  await finished(second, () => second.finishBind());
});

const UNSENDABLE: [what: string, text: string, to: IpSocketAddress | undefined, code: string][] = [
  ["an unspecified endpoint", "x", undefined, "invalid-argument"],
  ["port 0", "x", at(LOOPBACK, 0), "invalid-argument"],
  ["the unspecified address", "x", at("0.0.0.0", 9), "invalid-argument"],
  ["an address of the other family", "x", at("::1", 9), "invalid-argument"],
  [
    "any endpoint if the datagram is too large",
    "x".repeat(65_508),
    at(LOOPBACK, 9),
    "datagram-too-large",
  ],
];

for (const [what, text, to, code] of UNSENDABLE) {
  Deno.test(`outgoing-datagram-stream sends nothing to ${what}`, async () => {
    using guest = new SocketGuest(["*"]);
    const [, output] = (await guest.bound()).stream(undefined);
    assert.throws(() => send(output, text, to), isCode(code as "invalid-argument"));
  });
}

Deno.test("outgoing-datagram-stream.send traps above check-send, and returns the number sent", async () => {
  await using server = new UdpEcho();
  using guest = new SocketGuest([LOOPBACK]);
  const [input, output] = (await guest.bound()).stream(undefined);
  const to = at(LOOPBACK, server.port);
  const one = { data: utf8("x"), remoteAddress: to };
  assert.throws(() => output.send([one]), /check-send/);
  assert.equal(output.checkSend(), BigInt(MAX_DATAGRAMS));
  const bad = { data: utf8("x"), remoteAddress: at(LOOPBACK, 0) };
  assert.equal(output.send([one, one, bad, one]), 2n);
  assert.equal(output.checkSend(), BigInt(MAX_DATAGRAMS - 2));
  assert.equal(output.send([]), 0n);
  output.checkSend();
  output.send(Array(MAX_DATAGRAMS - 2).fill(one));
  assert.equal(output.checkSend(), 0n);
  await output.subscribe().block();
  assert.ok(output.checkSend() > 0n);
  assert.equal(await next(input), "x");
});

Deno.test("incoming-datagram-stream returns queued datagrams in order", async () => {
  using guest = new SocketGuest([LOOPBACK]);
  const socket = await guest.bound(LOOPBACK);
  using client = udpSocket();
  const to = {
    transport: "udp",
    hostname: LOOPBACK,
    port: socket.localAddress().val.port,
  } as const;
  const texts = Array.from({ length: 2 * MAX_DATAGRAMS }, (_, i) => String(i));
  for (const text of texts) await client.send(utf8(text), to);
  const [input] = socket.stream(undefined);
  const taken = [];
  while (taken.length < texts.length) taken.push(await next(input));
  assert.deepEqual(taken, texts);
});

Deno.test("udp-socket without the grant to bind drops datagrams of endpoints it may not send to", async () => {
  await using server = new UdpEcho();
  using guest = new SocketGuest([`${LOOPBACK}:${server.port}`]);
  const socket = await guest.bound();
  const { port } = socket.localAddress().val;
  using stranger = udpSocket();
  const [input, output] = socket.stream(undefined);
  await stranger.send(utf8("unwanted"), { transport: "udp", hostname: LOOPBACK, port });
  send(output, "hello", at(LOOPBACK, server.port));
  assert.equal(await next(input), "hello");
});

Deno.test("udp-socket stores options, and rejects zero", () => {
  using guest = new SocketGuest([]);
  const socket = guest.udp();
  assert.equal(socket.unicastHopLimit(), 64);
  socket.setUnicastHopLimit(3);
  assert.equal(socket.unicastHopLimit(), 3);
  assert.throws(() => socket.setUnicastHopLimit(0), isCode("invalid-argument"));
  socket.setReceiveBufferSize(4096n);
  assert.equal(socket.receiveBufferSize(), 4096n);
  assert.throws(() => socket.setSendBufferSize(0n), isCode("invalid-argument"));
});

Deno.test("udp-socket is closed when it is dropped or its guest ends", async () => {
  using guest = new SocketGuest([LOOPBACK]);
  const free = (port: number) => {
    Deno.listenDatagram({ transport: "udp", hostname: LOOPBACK, port }).close();
  };
  const dropped = await guest.bound(LOOPBACK);
  const ended = await guest.bound(LOOPBACK);
  const ports = [dropped, ended].map((socket) => socket.localAddress().val.port);
  const [input] = dropped.stream(undefined);
  assert.throws(() => free(ports[0]!), Deno.errors.AddrInUse);
  dropped[Symbol.dispose]();
  assert.throws(() => input.receive(1n), isCode("invalid-state"));
  await guest.end();
  ports.forEach(free);
});

Deno.test("udp-socket denies endpoints that are not granted", async () => {
  using guest = new SocketGuest([`${LOOPBACK}:1`]);
  const socket = await guest.bound();
  const port = closedPort();
  const [, output] = socket.stream(undefined);
  assert.throws(() => send(output, "x", at(LOOPBACK, port)), isCode("access-denied"));
  assert.throws(() => socket.stream(at(LOOPBACK, port)), isCode("access-denied"));
  assert.throws(() => guest.udp().startBind(NETWORK, at(LOOPBACK, port)), isCode("access-denied"));
  const host = `${LOOPBACK}:${port}`;
  assert.deepEqual(guest.denials, [
    `refused to send to ${host}: allow it with --allow-net=${host}`,
    `refused to listen on ${host}: allow it with --allow-net=${host}`,
  ]);
});
