import fc from "fast-check";
import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import { isSelfRequest, OutboundHosts } from "../../../src/run/grants/outbound_hosts.ts";
import { allowedHosts } from "../../../src/run/spin/allowed_hosts.ts";
import { spinComponent, SUBJECT } from "../../support/cache/locked_apps.ts";

/** Returns the allowed hosts of a component with this metadata. */
function hostsOf(
  metadata: Record<string, readonly string[]>,
  variables: Record<string, string> = {},
): OutboundHosts {
  const values = new Map(Object.entries(variables));
  return allowedHosts(spinComponent({ metadata }), values, SUBJECT);
}

const current = (...hosts: string[]) => hostsOf({ allowed_outbound_hosts: hosts });
const older = (...hosts: string[]) => hostsOf({ allowed_http_hosts: hosts });

/** URLs that each list allows, and URLs that it does not. */
type Table = [list: string, allowed: string[], denied: string[]][];

const CURRENT: Table = [
  ["", [], ["http://example.com", "http://self.alt/", "http://127.0.0.1", "file:///etc/passwd"]],
  [
    "https://random-data-api.fermyon.app http://api.example.com:8080",
    [
      "https://random-data-api.fermyon.app/path?query#hash",
      "https://random-data-api.fermyon.app:443/",
      "http://api.example.com:8080",
    ],
    [
      "http://random-data-api.fermyon.app",
      "https://random-data-api.fermyon.app:8443",
      "http://api.example.com",
      "https://api.example.com:8080",
      "http://www.api.example.com:8080",
    ],
  ],
  [
    "http://*.example.com http://*.example2.com:8383",
    [
      "http://a.example.com/foo/bar",
      "http://a.b.example.com",
      "http://a.b.example2.com:8383/foo",
    ],
    [
      "http://example.com",
      "http://myexample.com",
      "http://example.com.evil.org",
      "http://evil.org/.example.com",
      "http://a.b.example2.com",
      "https://a.example.com",
    ],
  ],
  [
    "*://spin.fermyon.dev:443",
    ["https://spin.fermyon.dev", "http://spin.fermyon.dev:443", "tcp://spin.fermyon.dev:443"],
    ["http://spin.fermyon.dev", "tcp://spin.fermyon.dev"],
  ],
  ["https://my.api.com/", ["https://my.api.com/", "https://my.api.com"], ["https://my.api.co"]],
  ["http://my.api.com:/", ["http://my.api.com:80"], ["http://my.api.com:81"]],
  [
    "*://*:*",
    ["http://a", "https://a:1", "redis://a", "http://[::1]:99", "http://self.alt"],
    ["file:///etc/passwd", "data:,x"],
  ],
  ["https://*:*", ["https://a:9", "https://self.alt:1"], ["http://a:9", "http://a"]],
  ["http://*", ["http://a"], ["http://a:81"]],
  // Ranges exclude their last number, as in Rust.
  [
    "http://a:8000..8002",
    ["http://a:8000", "http://a:8001"],
    ["http://a:7999", "http://a:8002", "http://a"],
  ],
  [
    "http://self",
    ["http://self.alt/x", "https://self.alt:3000/x"],
    ["http://self/", "http://self.alt.evil.org", "redis://self.alt", "http://a"],
  ],
  ["https://self.alt", ["http://self.alt"], ["http://self"]],
  ["redis://self:1", [], ["http://self.alt", "redis://self:1"]],
  [
    "https://192.168.1.0/24",
    ["https://192.168.1.0", "https://192.168.1.255", "https://0300.168.1.9", "https://3232235777"],
    [
      "https://192.168.2.1",
      "https://192.168.1.1:8443",
      "http://192.168.1.1",
      "https://192.168.1.1.example.com",
      "https://[::ffff:192.168.1.1]",
    ],
  ],
  [
    "*://127.0.0.1/24:63551",
    ["tcp://127.0.0.1:63551", "http://127.0.0.200:63551"],
    ["tcp://127.0.1.1:63551", "tcp://0x7f.1:63551"],
  ],
  ["http://10.0.0.7/32:*", ["http://10.0.0.7:5"], ["http://10.0.0.6:5"]],
  ["http://0.0.0.0/0", ["http://1.2.3.4"], ["http://[::1]", "http://example.com"]],
  ["*://ff00::/8:80", ["http://[ff00::1]", "http://[ffff:1::]"], ["http://[fe00::1]"]],
  ["http://[2001:db8::]/32:*", ["http://[2001:DB8:9::1]:7"], ["http://[2001:db9::1]:7"]],
  ["http://[::1]:8001", ["http://[::1]:8001", "http://[0:0::0:1]:8001"], ["http://[::1]"]],
  ["http://[0:0:0:0:0:0:0:1]", ["http://[::1]"], ["http://[::2]", "http://0.0.0.1"]],
  ["http://192.168.1.1:3002", ["http://192.168.1.1:3002"], ["http://192.168.1.1"]],
  ["http://127.1", ["http://127.0.0.1", "http://0x7f000001"], ["http://127.0.0.2"]],
  // A user name is not the host.
  [
    "https://example.com",
    ["https://user:word@example.com", "https://EXAMPLE.com", "https://evil.org@example.com/"],
    [
      "https://example.com@evil.org",
      "https://example.com:word@evil.org",
      "https://evil.org/@example.com",
      "https://evil.org?@example.com",
      "https://evil.org\\@example.com",
      "https://example.com.",
      "https://example.com.evil.org",
    ],
  ],
  ["https://example.com.", ["https://example.com."], ["https://example.com"]],
  ["HTTPS://Example.COM", ["https://example.com"], ["http://example.com"]],
  [
    "https://bücher.example https://*.straße.example",
    ["https://xn--bcher-kva.example", "https://BÜCHER.example", "https://a.xn--strae-oqa.example"],
    ["https://bucher.example", "https://straße.example"],
  ],
  ["https://xn--bcher-kva.example", ["https://bücher.example"], []],
  ["redis://Cache.local", ["redis://cache.LOCAL", "redis://cache.local:6379"], ["redis://cache"]],
  ["postgres://db mysql://db mqtt://db", [
    "postgres://db:5432",
    "mysql://db:3306",
    "mqtt://db:1883",
  ], [
    "postgres://db:3306",
  ]],
];

const OLDER: Table = [
  [
    "example.com localhost:3001",
    [
      "http://example.com",
      "https://example.com",
      "http://localhost:3001",
      "https://localhost:3001",
    ],
    ["http://example.com:3001", "http://localhost", "redis://example.com", "http://self.alt"],
  ],
  ["https://example.com/", ["http://example.com", "https://example.com"], ["http://a"]],
  ["https://example.com:443", ["http://example.com", "https://example.com"], []],
  ["http://[::1]:8001", ["http://[::1]:8001", "https://[::1]:8001"], ["http://[::1]"]],
  ["*.example.com", ["https://a.example.com"], ["https://example.com"]],
  ["self", ["http://self.alt/x"], ["http://self", "http://example.com"]],
  [
    "example.com insecure:allow-all",
    ["http://a:99", "https://b", "http://self.alt"],
    ["redis://a"],
  ],
];

const KINDS: [name: string, table: Table, hosts: (list: string) => OutboundHosts][] = [
  [
    "allowed_outbound_hosts",
    CURRENT,
    (list) => current(...list.split(" ").filter((host) => host !== "")),
  ],
  ["allowed_http_hosts", OLDER, (list) => older(...list.split(" "))],
];

for (const [name, table, hosts] of KINDS) {
  for (const [list, allowed, denied] of table) {
    Deno.test(`allowedHosts allows the hosts of ${name} "${list}" and no others`, () => {
      const allows = (url: string) => hosts(list).allows(new URL(url));
      assert.deepEqual(allowed.filter((url) => !allows(url)), []);
      assert.deepEqual(denied.filter(allows), []);
    });
  }
}

Deno.test("allowedHosts ignores white space around a host", () => {
  assert(current(" https://spaced.example\n").allows(new URL("https://spaced.example")));
});

Deno.test("allowedHosts combines both lists of a component", () => {
  const hosts = hostsOf({
    allowed_outbound_hosts: ["https://new.example"],
    allowed_http_hosts: ["old.example"],
  });
  assert(hosts.allows(new URL("https://new.example")));
  assert(hosts.allows(new URL("http://old.example")));
});

Deno.test("allowedHosts expands variables of the app", () => {
  const hosts = hostsOf(
    { allowed_outbound_hosts: ["{{ api }}", "https://*.{{ domain }}:{{port}}"] },
    { api: "http://my-api.com", domain: "example.com", port: "8443" },
  );
  assert(hosts.allows(new URL("http://my-api.com")));
  assert(hosts.allows(new URL("https://a.example.com:8443")));
  assert(!hosts.allows(new URL("https://a.example.com")));
});

Deno.test("allowedHosts refuses an invalid host without showing values of variables", () => {
  assert.throws(
    () => hostsOf({ allowed_outbound_hosts: ["https://{{ host }}"] }, { host: "s3cret/path" }),
    (error) =>
      hasCode(error, "LDR_BAD_MANIFEST") && !error.message.includes("s3cret") &&
      error.message.includes('the allowed host "https://{{ host }}" of the component "cart"'),
  );
});

Deno.test("allowedHosts names an invalid host and its component", () => {
  assert.throws(
    () => current("https://good.example", "https://bad.example/path"),
    (error) =>
      hasCode(error, "LDR_BAD_MANIFEST") && error.message.includes(SUBJECT) &&
      error.message.includes(
        'the allowed host "https://bad.example/path" of the component "cart": it has a path',
      ),
  );
});

for (
  const text of ["http://a/b", "ftp://a", "a:b:c", "http://u@a", "a?b", "", "{{ host }}", "a b"]
) {
  Deno.test(`allowedHosts refuses the HTTP host "${text}"`, () => {
    assert.throws(
      () => older(text),
      (error) => hasCode(error, "LDR_BAD_MANIFEST") && error.message.includes("HTTP host"),
    );
  });
}

Deno.test("isSelfRequest is true only for HTTP and self.alt", () => {
  assert(isSelfRequest(new URL("http://SELF.alt/a")));
  assert(isSelfRequest(new URL("https://self.alt:99/a")));
  for (const url of ["http://self/", "http://a.self.alt", "http://self.alt.", "tcp://self.alt"]) {
    assert(!isSelfRequest(new URL(url)), url);
  }
});

Deno.test("OutboundHosts.allows a URL by its own scheme, host and port, and by a network with its address", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6().map((address) => `[${address}]`)),
      fc.integer({ min: 1, max: 65_535 }),
      fc.constantFrom("http", "https"),
      (host, port, scheme) => {
        const url = new URL(`${scheme}://${host}:${port}/`);
        assert(current(`${scheme}://${host}:${port}`).allows(url));
        assert(!current(`${scheme}://${host}:${port % 65_535 + 1}`).allows(url));
        assert(!current(`ftp://${host}:${port}`).allows(url));
        if (/^[\d.]+$|^\[/.test(host)) {
          assert(current(`*://${host}/${host.startsWith("[") ? 128 : 32}:*`).allows(url));
        }
      },
    ),
  );
});

Deno.test("OutboundHosts.allows an address exactly if it has the prefix of a network", () => {
  const address = fc.integer({ min: 0, max: 0xffff_ffff });
  const dotted = (value: number) => [24, 16, 8, 0].map((shift) => value >>> shift & 0xff).join(".");
  fc.assert(
    fc.property(address, fc.integer({ min: 0, max: 32 }), address, (base, prefix, noise) => {
      const mask = prefix === 0 ? 0 : -1 << (32 - prefix);
      const inside = (base & mask) | (noise & ~mask);
      const hosts = current(`http://${dotted(base)}/${prefix}`);
      assert(hosts.allows(new URL(`http://${dotted(inside >>> 0)}`)));
      assert.equal(
        hosts.allows(new URL(`http://${dotted(noise)}`)),
        ((noise ^ base) & mask) === 0,
      );
    }),
  );
});

Deno.test("OutboundHosts.rules can be cloned", () => {
  const { rules } = current("http://10.0.0.0/8", "https://*.example.com", "http://self");
  const sent = new OutboundHosts(structuredClone(rules));
  assert(sent.allows(new URL("http://10.9.8.7")));
  assert(sent.allows(new URL("https://a.example.com")));
  assert(sent.allows(new URL("http://self.alt")));
});
