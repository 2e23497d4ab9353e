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
  Deno.test(`resolve-addresses returns the address ${text} without a lookup`, async () => {
    using guest = new SocketGuest([]);
    assert.deepEqual(await guest.addressesOf(text), [ip]);
    assert.deepEqual(guest.denials, []);
  });
}

for (
  const text of ["", "a b", "a/b", "a:80", "user@a", "%41", "[::1", "[a]", "::ffff:1.2.3.4", "*"]
) {
  Deno.test(`resolve-addresses rejects "${text}"`, () => {
    using guest = new SocketGuest(["*"]);
    assert.throws(() => guest.lookUp(text), isCode("invalid-argument"));
  });
}

for (const rule of ["localhost", "localhost:1", "*", "*:80"]) {
  Deno.test(`resolve-addresses looks localhost up if ${rule} is granted`, async () => {
    using guest = new SocketGuest([rule]);
    const stream = guest.lookUp("LOCALHOST");
    assert.throws(() => stream.resolveNextAddress(), isCode("would-block"));
    assert.equal(stream.subscribe().ready(), false);
    const addresses = await guest.addressesOf("localhost");
    assert.ok(addresses.some((ip) => ip === "127.0.0.1" || ip === "::1"), addresses.join());
  });
}

for (const rule of ["127.0.0.1", "0.0.0.0/0", "*.localhost", "example.com"]) {
  Deno.test(`resolve-addresses does not look localhost up if ${rule} is granted`, () => {
    using guest = new SocketGuest([rule]);
    assert.throws(() => guest.lookUp("localhost"), isCode("access-denied"));
    assert.deepEqual(guest.denials, [
      "refused to look up localhost: allow it with --allow-net=localhost",
    ]);
  });
}

Deno.test("resolve-addresses reports a denied name in Punycode", () => {
  using guest = new SocketGuest([]);
  assert.throws(() => guest.lookUp("Bücher.example"), isCode("access-denied"));
  assert.match(guest.denials[0]!, /xn--bcher-kva\.example/);
});

Deno.test("resolve-addresses fails for a name that does not exist", async () => {
  using guest = new SocketGuest(["*"]);
  const stream = guest.lookUp("name.invalid");
  await assert.rejects(
    finished(stream, () => stream.resolveNextAddress()),
    (error) => isCode("name-unresolvable")(error) || isCode("temporary-resolver-failure")(error),
  );
});

Deno.test("resolve-addresses lets the guest reach the addresses of a granted name, at the granted port", async () => {
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

Deno.test("resolve-addresses lets no other guest reach the addresses", async () => {
  await using server = TcpServer.echo();
  using one = new SocketGuest(["localhost"]);
  using other = new SocketGuest(["localhost"]);
  await one.addressesOf("localhost");
  const address = at("127.0.0.1", server.port);
  await one.connected(address);
  assert.throws(() => other.tcp().startConnect(NETWORK, address), isCode("access-denied"));
});
