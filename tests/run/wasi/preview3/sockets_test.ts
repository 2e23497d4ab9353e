import assert from "node:assert/strict";
import { parseHostRule } from "../../../../src/run/grants/outbound_rule.ts";
import type { IpAddressFamily } from "../../../../src/run/wasi/sockets/network.ts";
import type { TcpSocket } from "../../../../src/run/wasi/preview3/tcp_socket.ts";
import type { UdpSocket } from "../../../../src/run/wasi/preview3/udp_socket.ts";
import { at } from "../../../support/wasm/guest_sockets.ts";
import { TcpServer } from "../../../support/wasm/loopback.ts";
import { guestStream, Preview3Guest, textOfStream } from "../../../support/wasm/preview3_guest.ts";
import { wasiError } from "../../../support/wasm/streams.ts";

const code = (tag: string) => wasiError((payload) => (payload as { tag: string }).tag === tag);
const OK = { tag: "ok", val: undefined };

interface Types {
  readonly TcpSocket: { create(family: IpAddressFamily): TcpSocket };
  readonly UdpSocket: { create(family: IpAddressFamily): UdpSocket };
}

/** Returns the classes of a guest with these hosts of `--allow-net`. */
function typesOf(guest: Preview3Guest): Types {
  return guest.interface<Types>("sockets/types");
}

Deno.test("tcp-socket of 0.3 sends and receives through streams that outlive it", async () => {
  await using server = TcpServer.echo("127.0.0.1");
  using guest = new Preview3Guest({ allowedHosts: [parseHostRule("*")] });
  const socket = typesOf(guest).TcpSocket.create("ipv4");
  assert.deepEqual((await socket.receive()[1]).tag, "err");
  await socket.connect(at("127.0.0.1", server.port));
  const [received, outcome] = socket.receive();
  const sent = socket.send(guestStream(["hello", " world"]));
  assert.deepEqual(await socket.send(guestStream([])), {
    tag: "err",
    val: { tag: "invalid-state" },
  });
  socket[Symbol.dispose]();
  assert.deepEqual(await sent, OK);
  assert.equal(await textOfStream(received), "hello world");
  assert.deepEqual(await outcome, OK);
  assert.throws(() => socket.getLocalAddress(), code("invalid-state"));
});

Deno.test("tcp-socket of 0.3 accepts connections on a port that the system chooses", async () => {
  using guest = new Preview3Guest({ allowedHosts: [parseHostRule("*")] });
  const { TcpSocket } = typesOf(guest);
  using server = TcpSocket.create("ipv4");
  await server.bind(at("127.0.0.1", 0));
  const accepted = (await server.listen())[Symbol.asyncIterator]();
  using client = TcpSocket.create("ipv4");
  await client.connect(server.getLocalAddress());
  using connection: TcpSocket = (await accepted.next()).value;
  assert.equal(connection.constructor, TcpSocket);
  const sent = client.send(guestStream(["hello"]));
  assert.equal(await textOfStream(connection.receive()[0]), "hello");
  assert.deepEqual(await sent, OK);
});

Deno.test("tcp-socket of 0.3 refuses what is not granted, and reports it", async () => {
  using guest = new Preview3Guest();
  using socket = typesOf(guest).TcpSocket.create("ipv4");
  await assert.rejects(socket.connect(at("127.0.0.1", 9)), code("access-denied"));
  assert.equal(guest.host.denials.length, 1);
});

Deno.test("udp-socket of 0.3 exchanges datagrams", async () => {
  using guest = new Preview3Guest({ allowedHosts: [parseHostRule("*")] });
  const { UdpSocket } = typesOf(guest);
  using server = UdpSocket.create("ipv4");
  using client = UdpSocket.create("ipv4");
  await assert.rejects(server.receive(), code("invalid-state"));
  await server.bind(at("127.0.0.1", 0));
  await client.connect(server.getLocalAddress());
  assert.deepEqual(client.getLocalAddress().val.address, [127, 0, 0, 1]);
  await client.send(new TextEncoder().encode("ping"), undefined);
  const [data, sender] = await server.receive();
  assert.equal(new TextDecoder().decode(data), "ping");
  assert.deepEqual(sender, client.getLocalAddress());
  client.disconnect();
  assert.throws(() => client.disconnect(), code("invalid-state"));
});
