import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../../../src/base/errors.ts";
import { parseReference } from "../../../src/oci/reference.ts";
import { parseAllow } from "../../../src/serve/access/allow_patterns.ts";
import { UpstreamRules } from "../../../src/serve/access/upstream_rules.ts";

const isRefusal = (error: unknown) => hasCode(error, "LDR_FORBIDDEN");

function allows(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    assert.ok(isRefusal(error), String(error));
    return false;
  }
}

const REPOSITORIES: readonly (readonly [string, string, boolean])[] = [
  ["", "ghcr.io/acme/app", true],
  ["ghcr.io", "ghcr.io/acme/app", true],
  ["ghcr.io", "docker.io/library/alpine", false],
  ["ghcr.io", "ghcr.io:8443/acme/app", false],
  ["*.io", "quay.io/acme/app", true],
  ["ghcr.io/acme/*", "ghcr.io/acme/team/app", true],
  ["ghcr.io/acme/*", "ghcr.io/acme", false],
  ["ghcr.io/acme/*", "ghcr.io/other/app", false],
  ["quay.io, ghcr.io/acme/app", "ghcr.io/acme/app", true],
  ["GHCR.io", "ghcr.io/acme/app", true],
];

for (const [allow, name, expected] of REPOSITORIES) {
  const title = `${expected ? "allows" : "refuses"} ${name} with serve.allow "${allow}"`;
  Deno.test(`UpstreamRules.checkRepository ${title}`, () => {
    const rules = new UpstreamRules(allow === "" ? [] : parseAllow(allow));
    assert.equal(allows(() => rules.checkRepository(parseReference(name))), expected);
  });
}

const ADDRESSES: readonly (readonly [string, string, string, boolean])[] = [
  ["", "https://ghcr.io/v2/", "140.82.121.34", true],
  ["", "https://ghcr.io/v2/", "10.0.0.1", false],
  ["*", "https://ghcr.io/v2/", "10.0.0.1", false],
  ["*.example.com", "https://reg.example.com/v2/", "10.0.0.1", false],
  ["docker.io", "https://cdn.example/blob", "104.16.1.1", true],
  ["docker.io", "https://registry-1.docker.io/v2/", "10.0.0.1", true],
  ["reg.example.com", "https://reg.example.com/v2/", "10.0.0.1", true],
  ["reg.example.com/team/*", "https://reg.example.com/v2/", "10.0.0.1", true],
  ["reg.example.com", "https://reg.example.com:8443/v2/", "10.0.0.1", false],
  ["reg.example.com:443", "https://reg.example.com/v2/", "10.0.0.1", true],
  ["reg.example.com:80", "http://reg.example.com/v2/", "10.0.0.1", true],
  ["reg.example.com", "https://minio.example.com/blob", "10.0.0.2", false],
  ["localhost:5001", "http://localhost:5001/v2/", "127.0.0.1", true],
  ["localhost:5001", "http://127.0.0.1:5001/v2/", "127.0.0.1", false],
  ["localhost:*", "http://localhost:5001/v2/", "::1", true],
  ["127.0.0.1:*", "http://127.0.0.1:5001/v2/", "127.0.0.1", true],
  ["[::1]:5001", "http://[::1]:5001/v2/", "::1", true],
  ["169.254.169.254", "http://169.254.169.254/latest", "169.254.169.254", true],
  ["169.254.*", "http://169.254.169.254/latest", "169.254.169.254", false],
];

for (const [allow, url, address, expected] of ADDRESSES) {
  const title = `${
    expected ? "allows" : "refuses"
  } ${url} at ${address} with serve.allow "${allow}"`;
  Deno.test(`UpstreamRules.checkAddress ${title}`, () => {
    const rules = new UpstreamRules(allow === "" ? [] : parseAllow(allow));
    assert.equal(allows(() => rules.checkAddress(new URL(url), address)), expected);
  });
}

Deno.test("UpstreamRules lets the default upstream be at a private address, without allowing it", () => {
  const url = new URL("https://reg.example.com:5000/v2/");
  for (const [allow, isAllowed] of [["", true], ["ghcr.io", false]] as const) {
    const patterns = allow === "" ? [] : parseAllow(allow);
    const rules = new UpstreamRules(patterns, "reg.example.com:5000");
    const reference = parseReference("reg.example.com:5000/acme/app");
    assert.equal(allows(() => rules.checkRepository(reference)), isAllowed);
    assert.ok(allows(() => rules.checkAddress(url, "10.0.0.1")));
    assert.ok(
      !allows(() => rules.checkAddress(new URL("https://reg.example.com/v2/"), "10.0.0.1")),
    );
  }
});

Deno.test("UpstreamRules.checkAddress refuses every private IPv4 address with only wildcards", () => {
  const rules = new UpstreamRules(["*", "*.*", "?*"]);
  const byte = fc.nat(255);
  const address = fc.tuple(fc.constantFrom("10", "127", "169.254", "192.168"), byte, byte, byte)
    .map(([start, ...rest]) => [start, ...rest].join(".").split(".").slice(0, 4).join("."));
  fc.assert(fc.property(address, (ip) => {
    assert.ok(!allows(() => rules.checkAddress(new URL("https://reg.test/"), ip)));
    assert.ok(!allows(() => rules.checkAddress(new URL("https://reg.test/"), `::ffff:${ip}`)));
  }));
});

Deno.test("UpstreamRules names the upstream, the kind of address, and what to set", () => {
  const rules = new UpstreamRules(["ghcr.io"]);
  assert.throws(() => rules.checkRepository(parseReference("quay.io/a/b")), {
    message: "quay.io/a/b is not an upstream of this server",
    hint: "add quay.io to serve.allow, or name it with --allow",
  });
  assert.throws(() => rules.checkAddress(new URL("https://reg.test/"), "169.254.169.254"), {
    message: "refusing to connect to reg.test: 169.254.169.254 is a link-local address",
  });
});

for (
  const text of ["", " , ", "https://ghcr.io", "ghcr.io/app@sha256:0", "acme/app", "ghcr.io/a b/$"]
) {
  Deno.test(`parseAllow rejects "${text}"`, () => {
    assert.throws(() => parseAllow(text), (error) => hasCode(error, "LDR_USAGE"));
  });
}
