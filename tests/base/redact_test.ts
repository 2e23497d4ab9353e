import assert from "node:assert/strict";
import fc from "fast-check";
import { redact, REDACTED, registerSecret } from "../../src/base/redact.ts";

const CASES: [string, string, string][] = [
  ["text without secrets", "cannot reach ghcr.io: refused", "cannot reach ghcr.io: refused"],
  ["a password in a URL", "https://me:hunter2@reg.io/v2/", "https://***@reg.io/v2/"],
  ["a user name in a URL", "http://token@reg.io/", "http://***@reg.io/"],
  ["a password with an @ in it", "https://me:p@ss@reg.io/v2/", "https://***@reg.io/v2/"],
  ["a password in a proxy's URL", "socks5h://a:b@proxy:1080", "socks5h://***@proxy:1080"],
  ["two URLs", "http://a:b@x/ http://c:d@y/", "http://***@x/ http://***@y/"],
  ["an @ behind the host", "https://reg.io/v2/app@sha256:aa", "https://reg.io/v2/app@sha256:aa"],
  ["an address in a query", "https://reg.io/?to=a@b.c", "https://reg.io/?to=a@b.c"],
  [
    "an S3 signature",
    "https://s3/x?X-Amz-Signature=abc&X-Amz-Date=1",
    "https://s3/x?X-Amz-Signature=***&X-Amz-Date=1",
  ],
  [
    "an S3 session",
    "https://s3/x?a=1&X-Amz-Security-Token=abc%2F",
    "https://s3/x?a=1&X-Amz-Security-Token=***",
  ],
  ["S3's key id", "https://s3/x?AWSAccessKeyId=AK&b=2", "https://s3/x?AWSAccessKeyId=***&b=2"],
  ["an Azure signature", "https://blob/x?se=2026&sig=a%3D", "https://blob/x?se=2026&sig=***"],
  [
    "Docker Hub's CDN",
    "https://production.cloudflare.docker.com/x?verify=17-abc%3D",
    "https://production.cloudflare.docker.com/x?verify=***",
  ],
  ["a token in a query", "https://r/x?access_token=abc", "https://r/x?access_token=***"],
  ["a query without secrets", "https://r/x?ns=docker.io&n=1", "https://r/x?ns=docker.io&n=1"],
  ["a bearer token", "authorization: Bearer eyJhbGci.x_y-z", "authorization: Bearer ***"],
  ["basic credentials", "Authorization: Basic bWU6aHVudGVyMg==", "Authorization: Basic ***"],
  ["lower case", "bearer eyJhbGciOi", "bearer ***"],
  ["the word alone", "the Bearer challenge", "the Bearer challenge"],
  ["ordinary words", "Basic authentication is required", "Basic authentication is required"],
];

for (const [name, text, expected] of CASES) {
  Deno.test(`redact: ${name}`, () => assert.equal(redact(text), expected));
}

Deno.test("redact replaces a registered secret everywhere", () => {
  registerSecret("swordfish-1");
  assert.equal(redact("swordfish-1, 'swordfish-1'"), "***, '***'");
});

Deno.test("redact replaces a secret whole if another one is its start", () => {
  registerSecret("open-sesame");
  registerSecret("open-sesame-twice");
  assert.equal(redact("got open-sesame-twice"), "got ***");
});

Deno.test("redact treats special characters of patterns and replacements as plain text", () => {
  registerSecret("$&.*(x");
  assert.equal(redact("a $&.*(x b"), "a *** b");
});

Deno.test("redact removes each line of a secret, which a message may be cut after", () => {
  registerSecret("first-half\r\nother-half\n");
  assert.equal(redact('bad value: "x first-half'), `bad value: "x ${REDACTED}`);
  assert.equal(redact("other-half"), REDACTED);
});

Deno.test("registerSecret ignores secrets of fewer than four characters", () => {
  registerSecret("abc");
  registerSecret("");
  registerSecret(undefined);
  assert.equal(redact("the alphabet: abc"), "the alphabet: abc");
});

Deno.test("redact replaces a registered secret in any context", () => {
  const secret = "correct-horse";
  registerSecret(secret);
  fc.assert(fc.property(fc.string(), fc.string(), (before, after) => {
    assert.ok(!redact(before + secret + after).includes(secret));
  }));
});

Deno.test("redact replaces any user part of a URL", () => {
  const password = fc.string({ minLength: 4, unit: fc.constantFrom(..."abcXYZ019:@!$&*._~%-") });
  fc.assert(fc.property(password, (text) => {
    const redacted = redact(`cannot reach https://me:${text}@registry.test/v2/: refused`);
    assert.equal(redacted, `cannot reach https://${REDACTED}@registry.test/v2/: refused`);
  }));
});

Deno.test("redact is idempotent", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    assert.equal(redact(redact(text)), redact(text));
  }));
});
