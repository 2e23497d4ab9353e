import assert from "node:assert/strict";
import { type PrivateKind, privateKindOf } from "../../../src/serve/access/private_address.ts";

const CASES: readonly (readonly [string, PrivateKind | undefined])[] = [
  ["127.0.0.1", "loopback"],
  ["127.255.255.255", "loopback"],
  ["::1", "loopback"],
  ["::ffff:127.0.0.1", "loopback"],
  ["::ffff:7f00:1", "loopback"],
  ["64:ff9b::7f00:1", "loopback"],
  ["169.254.169.254", "link-local"],
  ["::ffff:169.254.169.254", "link-local"],
  ["fe80::1", "link-local"],
  ["fe80::1%eth0", "link-local"],
  ["10.0.0.1", "private"],
  ["172.16.0.1", "private"],
  ["172.31.255.255", "private"],
  ["192.168.1.1", "private"],
  ["100.100.100.200", "private"],
  ["fd00:ec2::254", "private"],
  ["64:ff9b::a00:1", "private"],
  ["0.0.0.0", "reserved"],
  ["224.0.0.1", "reserved"],
  ["255.255.255.255", "reserved"],
  ["198.18.0.1", "reserved"],
  ["::", "reserved"],
  ["::7f00:1", "reserved"],
  ["ff02::1", "reserved"],
  ["fec0::1", "reserved"],
  ["2002:7f00:1::", "reserved"],
  ["2001::1", "reserved"],
  ["2001:db8::1", "reserved"],
  ["1.1.1.1", undefined],
  ["172.15.255.255", undefined],
  ["172.32.0.1", undefined],
  ["192.169.0.1", undefined],
  ["100.63.255.255", undefined],
  ["223.255.255.255", undefined],
  ["2606:4700::1111", undefined],
  ["2a00:1450::1", undefined],
  ["64:ff9b::101:101", undefined],
  ["::ffff:1.1.1.1", undefined],
];

for (const [address, kind] of CASES) {
  Deno.test(`privateKindOf takes ${address} for ${kind ?? "a public address"}`, () => {
    assert.equal(privateKindOf(address), kind);
  });
}
