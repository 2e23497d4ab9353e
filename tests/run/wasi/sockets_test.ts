import assert from "node:assert/strict";
import { Refusals } from "../../../src/run/wasi/refusals.ts";
import { socketImports } from "../../../src/run/wasi/sockets.ts";
import { refusedWith } from "../../support/streams.ts";

Deno.test("every way to a socket is refused, and told of once", () => {
  const told: string[] = [];
  const imports = socketImports(
    new Refusals("options", (line) => told.push(line)),
  ) as Record<string, Record<string, () => unknown>>;
  assert(imports["wasi:sockets/instance-network"]!["instanceNetwork"]!());
  for (
    const [name, call] of [
      ["wasi:sockets/tcp-create-socket", "createTcpSocket"],
      ["wasi:sockets/udp-create-socket", "createUdpSocket"],
      ["wasi:sockets/ip-name-lookup", "resolveAddresses"],
    ] as const
  ) {
    assert.throws(imports[name]![call]!, refusedWith((payload) => payload === "not-supported"));
  }
  assert.equal(told.length, 1);
});
