import assert from "node:assert/strict";
import { at, finished, isCode, NETWORK, SocketGuest } from "../../../support/wasm/guest_sockets.ts";
import { TcpServer } from "../../../support/wasm/loopback.ts";

const ADDRESSES: [text: string, ip: string][] = [
  ["127.0.0.1", "127.0.0.1"],
  ["::1", "::1"],
  ["[2001:DB8:0::1]", "2001:db8::1"],
  ["fe80:0:0:0:0:0:0:1", "fe80::1"],
];

for (const [text, ip] of ADDRESSES) {
  Deno.test(`${text} is an address, which nobody has to be asked about`, async () => {
    using guest = new SocketGuest([]);
    assert.deepEqual(await guest.addressesOf(text), [ip]);
    assert.deepEqual(guest.denials, []);
  });
}

for (
  const text of ["", "a b", "a/b", "a:80", "user@a", "%41", "[::1", "[a]", "::ffff:1.2.3.4", "*"]
) {
  Deno.test(`"${text}" is neither a name nor an address`, () => {
    using guest = new SocketGuest(["*"]);
    assert.throws(() => guest.lookUp(text), isCode("invalid-argument"));
  });
}

for (const rule of ["localhost", "localhost:1", "*", "*:80"]) {
  Deno.test(`a name is looked up where ${rule} is granted`, async () => {
    using guest = new SocketGuest([rule]);
    const stream = guest.lookUp("LOCALHOST");
    assert.throws(() => stream.resolveNextAddress(), isCode("would-block"));
    assert.equal(stream.subscribe().ready(), false);
    const found = await guest.addressesOf("localhost");
    assert.ok(found.some((ip) => ip === "127.0.0.1" || ip === "::1"), found.join());
  });
}

for (const rule of ["127.0.0.1", "0.0.0.0/0", "*.localhost", "example.com"]) {
  Deno.test(`a name is not looked up where ${rule} is granted`, () => {
    using guest = new SocketGuest([rule]);
    assert.throws(() => guest.lookUp("localhost"), isCode("access-denied"));
    assert.deepEqual(guest.denials, [
      "refused to look up localhost: allow it with --allow-net=localhost",
    ]);
  });
}

Deno.test("a name in other letters is told of as it is asked for", () => {
  using guest = new SocketGuest([]);
  assert.throws(() => guest.lookUp("Bücher.example"), isCode("access-denied"));
  assert.match(guest.denials[0]!, /xn--bcher-kva\.example/);
});

Deno.test("a name that there is not is an error", async () => {
  using guest = new SocketGuest(["*"]);
  const stream = guest.lookUp("nobody.invalid");
  await assert.rejects(
    finished(stream, () => stream.resolveNextAddress()),
    (error) => isCode("name-unresolvable")(error) || isCode("temporary-resolver-failure")(error),
  );
});

Deno.test("what a granted name was found to be is reached by its address, at the granted port", async () => {
  await using server = TcpServer.echo();
  using guest = new SocketGuest([`localhost:${server.port}`]);
  const address = at("127.0.0.1", server.port);
  assert.throws(() => guest.tcp().startConnect(NETWORK, address), isCode("access-denied"));
  assert.ok((await guest.addressesOf("localhost")).includes("127.0.0.1"));
  await guest.connected(address);
  const elsewhere = at("127.0.0.1", 1);
  assert.throws(() => guest.tcp().startConnect(NETWORK, elsewhere), isCode("access-denied"));
  const { port } = server;
  assert.deepEqual(guest.denials, [
    `refused to connect to 127.0.0.1:${port}: allow it with --allow-net=127.0.0.1:${port}`,
    "refused to connect to localhost:1: allow it with --allow-net=localhost:1",
  ]);
});

Deno.test("what one guest has looked up is of no use to another", async () => {
  await using server = TcpServer.echo();
  using one = new SocketGuest(["localhost"]);
  using other = new SocketGuest(["localhost"]);
  await one.addressesOf("localhost");
  const address = at("127.0.0.1", server.port);
  await one.connected(address);
  assert.throws(() => other.tcp().startConnect(NETWORK, address), isCode("access-denied"));
});
