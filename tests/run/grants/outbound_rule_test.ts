import assert from "node:assert/strict";
import { parseHostRule, parseOutboundRule } from "../../../src/run/grants/outbound_rule.ts";
import { SyntaxFault } from "../../../src/run/grants/syntax_fault.ts";

const BAD: [text: string, reason: RegExp][] = [
  ["spin.fermyon.dev", /no scheme/],
  ["spin.fermyon.dev:80", /no scheme/],
  ["localhost:3001", /no scheme/],
  ["insecure:allow-all", /no scheme/],
  ["*", /no scheme/],
  ["", /no scheme/],
  ["?", /no scheme/],
  ["{http,https}://a", /characters than letters/],
  ["://a", /characters than letters/],
  ["http+x://a", /characters than letters/],
  ["*://127.0.0.0/24", /needs a port/],
  ["*://a", /needs a port/],
  ["gopher://a", /needs a port/],
  ["http://spin.fermyon.dev/a", /has a path/],
  ["http://spin.fermyon.dev:6666/a/b", /has a path/],
  ["http://*.fermyon.dev/a", /has a path/],
  ["http://a?b", /has a path/],
  ["http://a\\b", /has a path/],
  ["http://user:word@a", /user name/],
  ["http://user@a:80", /user name/],
  ["http://a.*.b", /\* can only be/],
  ["http://*.*.b", /\* can only be/],
  ["http://a*", /\* can only be/],
  ["http://*.1", /only a host name/],
  ["http://*.0.0.1:80", /only a host name/],
  ["http://*.[::1]", /only a host name/],
  ["http://*.", /not a host/],
  ["http://", /not a host/],
  ["http://:80", /not a host/],
  ["http://a b", /not a host/],
  ["http://a!b", /not a host/],
  ["http://a..b", /not a host/],
  ["http://*..com", /not a host/],
  ["http://a%2eb", /not a host/],
  ["http://::1:80", /not a host/],
  ["http://[::g]:80", /not a host/],
  ["http://1.2.3.4.5", /not a host/],
  ["http://a:b", /not a host/],
  ["http://{a,b}:80", /not a host/],
  ["http://10.0.0.0/33:80", /has a path/],
  ["http://a:65536", /port/],
  ["http://a:80..", /port/],
  ["http://a:80..70000", /port/],
  ["http://a:**", /port/],
  ["http://a:8.0", /port/],
];

for (const [text, reason] of BAD) {
  Deno.test(`parseOutboundRule refuses "${text}"`, () => {
    assert.throws(
      () => parseOutboundRule(text),
      (error) => error instanceof SyntaxFault && reason.test(error.message),
    );
  });
}

Deno.test("parseOutboundRule does not repeat the text, which can contain secrets", () => {
  for (
    const text of ["http://s3cret/a", "http://s3cret@a", "http://a:s3cret", "s3cret://a", "s3cret"]
  ) {
    assert.throws(
      () => parseOutboundRule(text),
      (error) => !String(error).includes("s3cret"),
      text,
    );
  }
});

Deno.test("parseOutboundRule returns the form of URLs", () => {
  assert.deepEqual(parseOutboundRule("HTTPS://*.BÜCHER.example:*/"), {
    scheme: "https",
    host: { kind: "subdomains", domain: "xn--bcher-kva.example" },
    ports: undefined,
  });
  assert.deepEqual(parseOutboundRule("redis://[0::1]"), {
    scheme: "redis",
    host: { kind: "host", host: "[::1]" },
    ports: { first: 6379, last: 6379 },
  });
  assert.deepEqual(parseOutboundRule("*://[fd00::]/8:5..7"), {
    scheme: undefined,
    host: { kind: "network", network: { bits: 128, value: 0xfdn << 120n, prefix: 8 } },
    ports: { first: 5, last: 6 },
  });
});

Deno.test("parseHostRule returns a rule for every scheme and port", () => {
  assert.deepEqual(parseHostRule("example.com"), {
    scheme: undefined,
    host: { kind: "host", host: "example.com" },
    ports: undefined,
  });
  assert.throws(() => parseHostRule("https://example.com"), /it has a scheme/);
});
