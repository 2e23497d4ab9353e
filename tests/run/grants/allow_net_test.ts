import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import { OutboundHosts } from "../../../src/run/grants/outbound_hosts.ts";

const HOSTS: [list: string, allowed: string[], denied: string[]][] = [
  [
    "example.com,*.example.org:8080",
    [
      "http://example.com",
      "https://example.com:9",
      "tcp://example.com:5",
      "http://a.example.org:8080",
    ],
    ["http://a.example.com", "http://a.example.org", "http://example.org:8080", "http://self.alt"],
  ],
  ["10.0.0.0/8", ["http://10.1.2.3:4"], ["http://11.1.2.3"]],
  ["[::1]:80", ["http://[::1]"], ["http://[::1]:81"]],
  ["localhost:8000..9000", ["http://localhost:8999"], ["http://localhost:9000"]],
  ["*:443", ["https://a", "http://a:443"], ["http://a"]],
  ["*", ["http://a:1", "redis://b", "http://self.alt"], ["file:///x"]],
  [" a , b ", ["http://a", "http://b"], ["http://c"]],
];

for (const [list, allowed, denied] of HOSTS) {
  Deno.test(`OutboundHosts.ofOption allows the hosts of "${list}" and no others`, () => {
    const hosts = OutboundHosts.ofOption(list);
    const allows = (url: string) => hosts.allows(new URL(url));
    assert.deepEqual(allowed.filter((url) => !allows(url)), []);
    assert.deepEqual(denied.filter(allows), []);
  });
}

Deno.test("OutboundHosts.ofOption allows every host without a list", () => {
  assert(OutboundHosts.ofOption(true).allows(new URL("http://anything:1")));
});

for (const text of ["https://example.com", "a,,b", "", "a/b", "user@a", "a:99999", "*.*"]) {
  Deno.test(`OutboundHosts.ofOption refuses "${text}"`, () => {
    assert.throws(
      () => OutboundHosts.ofOption(text),
      (error) => hasCode(error, "LDR_USAGE") && error.message.includes("--allow-net"),
    );
  });
}
