import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import { MAX_REDIRECTS, RedirectTransport } from "../../../src/registry/http/redirects.ts";
import { FakeTransport, get, response } from "../../support/registry/fake_transport.ts";

const BLOB = "https://reg.test/v2/app/blobs/x";
const SECRET = "Bearer very-secret";
const redirect = (location: string, status = 307) => response(status, { location });

for (const status of [301, 302, 303, 307, 308]) {
  Deno.test(`RedirectTransport.send follows ${status} and cancels its body`, async () => {
    const moved = redirect("https://cdn.test/y", status);
    const transport = new FakeTransport(moved, response(200));
    const answer = await new RedirectTransport(transport).send(get(BLOB));
    assert.equal(answer.status, 200);
    assert.deepEqual(transport.lines, [`GET ${BLOB}`, "GET https://cdn.test/y"]);
    assert.equal(moved.isReleased, true);
  });
}

const ANSWERS: [string, ReturnType<typeof response>][] = [
  ["200 with a location", response(200, { location: "https://cdn.test/" })],
  ["304", response(304, { location: "https://cdn.test/" })],
  ["300", response(300, { location: "https://cdn.test/" })],
  ["307 without a location", response(307)],
];

for (const [name, answer] of ANSWERS) {
  Deno.test(`RedirectTransport.send returns ${name}`, async () => {
    assert.equal(await new RedirectTransport(new FakeTransport(answer)).send(get(BLOB)), answer);
    assert.equal(answer.isReleased, false);
  });
}

Deno.test("RedirectTransport.send keeps the method, the signal and the other headers", async () => {
  const transport = new FakeTransport(redirect("/other"), response(200));
  const { signal } = new AbortController();
  const headers = { range: "bytes=5-", accept: "a/b" };
  await new RedirectTransport(transport).send(get(BLOB, { method: "HEAD", headers, signal }));
  assert.deepEqual(transport.lines, [`HEAD ${BLOB}`, "HEAD https://reg.test/other"]);
  assert.deepEqual(transport.requests[1]!.headers, headers);
  assert.equal(transport.requests[1]!.signal, signal);
});

Deno.test("RedirectTransport.send does not follow a redirect of POST", async () => {
  const transport = new FakeTransport(redirect("https://evil.test/"));
  const request = get(BLOB, { method: "POST", body: "password=x" });
  assert.equal((await new RedirectTransport(transport).send(request)).status, 307);
  assert.equal(transport.requests.length, 1);
});

/** Name, locations, and whether the last request has the authorization of the first. */
const AUTHORIZED: [string, string[], boolean][] = [
  ["the same origin", ["https://reg.test/y"], true],
  ["a path", ["/y"], true],
  ["the same origin with its default port", ["https://reg.test:443/y"], true],
  ["the same host in capitals", ["https://REG.test/y"], true],
  ["another host", ["https://cdn.test/y"], false],
  ["a subdomain", ["https://cdn.reg.test/y"], false],
  ["another port", ["https://reg.test:8443/y"], false],
  ["a host without a scheme", ["//cdn.test/y"], false],
  ["another host and back", ["https://cdn.test/y", "https://reg.test/z"], false],
];

for (const [name, locations, authorized] of AUTHORIZED) {
  Deno.test(`RedirectTransport.send ${authorized ? "keeps" : "drops"} Authorization and the exception from the check of addresses for ${name}`, async () => {
    const transport = new FakeTransport(...locations.map((to) => redirect(to)), response(200));
    const headers = { authorization: SECRET, accept: "a/b" };
    await new RedirectTransport(transport).send(get(BLOB, { headers, isListed: true }));
    const last = transport.requests.at(-1)!;
    assert.equal(last.headers.authorization, authorized ? SECRET : undefined);
    assert.equal(last.isListed, authorized);
    assert.equal(last.headers.accept, "a/b");
    assert.equal(transport.requests.length, locations.length + 1);
  });
}

Deno.test("RedirectTransport.send drops Authorization whatever the case of its name", async () => {
  const transport = new FakeTransport(redirect("https://cdn.test/y"), response(200));
  await new RedirectTransport(transport).send(get(BLOB, { headers: { AuthorizatioN: SECRET } }));
  assert.ok(!JSON.stringify(transport.requests[1]!.headers).includes(SECRET));
});

Deno.test("RedirectTransport.send drops Authorization for another port and for HTTPS", async () => {
  const headers = { authorization: SECRET };
  for (const to of ["http://reg.test:81/y", "https://reg.test/y"]) {
    const transport = new FakeTransport(redirect(to), response(200));
    await new RedirectTransport(transport).send(get("http://reg.test/x", { headers }));
    assert.equal(transport.requests[1]!.headers.authorization, undefined);
  }
});

const REJECTED: [string, string, RegExp][] = [
  ["plain HTTP", "http://reg.test/y", /from HTTPS to plain HTTP at reg\.test/],
  ["plain HTTP at another host", "http://cdn.test:81/y", /plain HTTP at cdn\.test:81/],
  ["a file", "file:///etc/passwd", /not an HTTP address/],
  ["FTP", "ftp://cdn.test/y", /not an HTTP address/],
  ["data", "data:text/plain,x", /not an HTTP address/],
  ["an invalid URL", "https://[", /not an HTTP address/],
];

for (const [name, location, reason] of REJECTED) {
  Deno.test(`RedirectTransport.send rejects a redirect to ${name} and cancels the body`, async () => {
    const moved = redirect(location);
    const transport = new FakeTransport(moved);
    await assert.rejects(
      new RedirectTransport(transport).send(get(BLOB)),
      (error) => hasCode(error, "LDR_REDIRECT") && reason.test(error.message),
    );
    assert.equal(transport.requests.length, 1);
    assert.equal(moved.isReleased, true);
  });
}

Deno.test("RedirectTransport.send follows plain HTTP from an insecure host, without credentials", async () => {
  const transport = new FakeTransport(redirect("http://reg.test/y"), response(200));
  const headers = { authorization: SECRET, "x-amz-security-token": SECRET };
  await new RedirectTransport(transport, { insecure: true }).send(get(BLOB, { headers }));
  assert.deepEqual(transport.lines[1], "GET http://reg.test/y");
  assert.deepEqual(transport.requests[1]!.headers, {});
});

Deno.test("RedirectTransport.send follows redirects up to the limit", async () => {
  const hops = (count: number) =>
    new FakeTransport(...Array.from({ length: count }, () => redirect(BLOB)), response(200));
  const allowed = hops(MAX_REDIRECTS);
  assert.equal((await new RedirectTransport(allowed).send(get(BLOB))).status, 200);

  const loop = hops(MAX_REDIRECTS + 1);
  await assert.rejects(
    new RedirectTransport(loop).send(get(BLOB)),
    (error) => hasCode(error, "LDR_REDIRECT") && /more than 10 redirects/.test(error.message),
  );
  assert.equal(loop.requests.length, MAX_REDIRECTS + 1);
});
