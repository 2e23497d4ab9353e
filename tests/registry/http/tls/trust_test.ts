import assert from "node:assert/strict";
import { LarderError } from "../../../../src/base/errors.ts";
import { RedirectTransport } from "../../../../src/registry/http/redirects.ts";
import { SchemeTransport } from "../../../../src/registry/http/scheme.ts";
import { isInsecure, ownTrust, type Trust } from "../../../../src/registry/http/tls/trust.ts";
import { failureOf } from "../../../support/failure_of.ts";
import { BASIC, BOB, denied, setUp } from "../../../support/registry/auth_setup.ts";
import { FakeTransport, get, response } from "../../../support/registry/fake_transport.ts";

const noTls = new LarderError("LDR_TLS", "no TLS", { hint: "none" });
const redirect = (location: string) => response(307, { location });

const lab = { insecure: true };
const TRUST: Trust = {
  hosts: new Map([["lab.test", lab], ["lab.test:5000", lab], ["old.test:80", lab]]),
};

/** URL, and whether plain HTTP and any certificate are accepted. */
const URLS: [string, boolean][] = [
  ["https://lab.test/v2/", true],
  ["https://lab.test:443/v2/", true],
  ["http://lab.test/v2/", true],
  ["https://lab.test:5000/v2/", true],
  ["http://lab.test:5000/v2/", true],
  ["http://old.test:80/v2/", true],
  ["https://lab.test:5001/v2/", false],
  ["https://a.lab.test/v2/", false],
  ["https://lab.test.example/v2/", false],
  ["https://old.test/v2/", false],
];

for (const [address, insecure] of URLS) {
  Deno.test(`isInsecure is ${insecure} for ${address}`, () => {
    assert.equal(isInsecure(TRUST, new URL(address)), insecure);
    assert.equal(isInsecure({ ...TRUST, insecure: true }, new URL(address)), true);
    assert.equal(ownTrust(TRUST, new URL(address)) !== undefined, insecure);
  });
}

Deno.test("SchemeTransport.send tries plain HTTP only for an insecure host", async () => {
  const trusted = new FakeTransport(noTls, response(200));
  await new SchemeTransport(trusted, TRUST).send(get("https://lab.test/v2/"));
  assert.deepEqual(trusted.lines, ["GET https://lab.test/v2/", "GET http://lab.test/v2/"]);
  const other = new FakeTransport(noTls);
  const error = await failureOf(
    new SchemeTransport(other, TRUST).send(get("https://reg.test/v2/")),
  );
  assert.equal(error.code, "LDR_TLS");
  assert.deepEqual(other.lines, ["GET https://reg.test/v2/"]);
});

Deno.test("RedirectTransport.send follows plain HTTP only from an insecure host", async () => {
  const trusted = new FakeTransport(redirect("http://cdn.test/x"), response(200));
  await new RedirectTransport(trusted, TRUST).send(get("https://lab.test/x"));
  assert.equal(trusted.lines[1], "GET http://cdn.test/x");
  const other = new FakeTransport(redirect("http://lab.test/x"));
  const error = await failureOf(
    new RedirectTransport(other, TRUST).send(get("https://reg.test/x")),
  );
  assert.equal(error.code, "LDR_REDIRECT");
});

Deno.test("Authenticator sends credentials over plain HTTP only between insecure hosts", async () => {
  const bearer = (realm: string) => `Bearer realm="${realm}"`;
  const cases: [from: string, challenge: string, sent: boolean][] = [
    ["http://lab.test", BASIC, true],
    ["http://reg.test", BASIC, false],
    ["http://lab.test", bearer("http://lab.test:5000/token"), true],
    ["http://lab.test", bearer("http://auth.test/token"), false],
    ["http://reg.test", bearer("http://lab.test/token"), false],
  ];
  for (const [from, challenge, sent] of cases) {
    const { auth } = setUp({ credential: BOB, hosts: TRUST.hosts });
    const url = new URL("/v2/", from);
    const answer = auth.authorize(denied({ registry: url.host, url, challenge }));
    if (sent) await answer;
    else assert.equal((await failureOf(answer)).code, "LDR_UNAUTHORIZED", `${from} ${challenge}`);
  }
});
