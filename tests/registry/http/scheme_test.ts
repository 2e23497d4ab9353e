import assert from "node:assert/strict";
import { type ErrorCode, hasCode, LarderError } from "../../../src/base/errors.ts";
import { SchemeTransport } from "../../../src/registry/http/scheme.ts";
import { FakeTransport, get, response } from "../../support/registry/fake_transport.ts";

const FAR = "https://reg.test/v2/";
const NEAR = "https://localhost:5000/v2/";
const plain = (url: string) => url.replace("https:", "http:");

const failure = (code: ErrorCode, message: string = code) =>
  new LarderError(code, message, { hint: "h" });
const refused = failure("LDR_UNREACHABLE");
const badCertificate = failure("LDR_TLS", "invalid peer certificate: UnknownIssuer");
const notTls = failure("LDR_TLS", "received corrupt message of type InvalidContentType");
const wantsTls = () => response(400, {}, "Client sent an HTTP request to an HTTPS server.\n");

/** Sends each address in turn through one transport; returns what went over the wire. */
async function lines(
  inner: FakeTransport,
  urls: readonly string[],
  options: { insecure?: boolean } = {},
): Promise<string[]> {
  const transport = new SchemeTransport(inner, options);
  for (const url of urls) await transport.send(get(url));
  return inner.lines;
}

Deno.test("HTTPS is spoken to every other host", async () => {
  assert.deepEqual(await lines(new FakeTransport(response(200)), [FAR, FAR]), [
    `GET ${FAR}`,
    `GET ${FAR}`,
  ]);
});

for (const error of [refused, badCertificate, notTls]) {
  Deno.test(`HTTPS is not given up for plain HTTP: ${error.message}`, async () => {
    const inner = new FakeTransport(error);
    await assert.rejects(new SchemeTransport(inner).send(get(FAR)), (thrown) => thrown === error);
    assert.deepEqual(inner.lines, [`GET ${FAR}`]);
  });
}

Deno.test("plain HTTP is spoken to this machine, and asked for once", async () => {
  assert.deepEqual(await lines(new FakeTransport(response(401)), [NEAR, NEAR]), [
    `GET ${plain(NEAR)}`,
    `GET ${plain(NEAR)}`,
  ]);
});

Deno.test("a registry of this machine that wants TLS gets it, now and from then on", async () => {
  const first = wantsTls();
  const inner = new FakeTransport(first, response(200));
  assert.deepEqual(await lines(inner, [NEAR, NEAR]), [
    `GET ${plain(NEAR)}`,
    `GET ${NEAR}`,
    `GET ${NEAR}`,
  ]);
  assert.equal(first.isReleased, true);
});

Deno.test("TLS that hangs up on plain HTTP is tried too", async () => {
  assert.deepEqual(await lines(new FakeTransport(refused, response(200)), [NEAR, NEAR]), [
    `GET ${plain(NEAR)}`,
    `GET ${NEAR}`,
    `GET ${NEAR}`,
  ]);
});

Deno.test("a registry's own 400 is an answer", async () => {
  const answer = response(400, { "docker-distribution-api-version": "registry/2.0" });
  const inner = new FakeTransport(answer);
  assert.equal(await new SchemeTransport(inner).send(get(NEAR)), answer);
  assert.equal(answer.isReleased, false);
});

Deno.test("a 400 of a server that speaks no TLS is asked for again, as its answer", async () => {
  const again = response(400, {}, "bad request");
  const inner = new FakeTransport(wantsTls(), notTls, again);
  const transport = new SchemeTransport(inner);
  assert.equal(await transport.send(get(NEAR)), again);
  await transport.send(get(NEAR));
  assert.deepEqual(inner.lines, [
    `GET ${plain(NEAR)}`,
    `GET ${NEAR}`,
    `GET ${plain(NEAR)}`,
    `GET ${plain(NEAR)}`,
  ]);
});

Deno.test("a TLS server that fails after it said so is told as it failed", async () => {
  const inner = new FakeTransport(wantsTls(), refused, response(200));
  const transport = new SchemeTransport(inner);
  await assert.rejects(transport.send(get(NEAR)), (error) => error === refused);
  assert.deepEqual(inner.lines, [`GET ${plain(NEAR)}`, `GET ${NEAR}`]);
});

/** What the two schemes of a loopback registry fail with, and which is told. */
const TOLD: [string, LarderError, LarderError, LarderError][] = [
  ["nobody listens", refused, failure("LDR_UNREACHABLE", "second"), refused],
  ["the certificate is not trusted", refused, badCertificate, badCertificate],
  ["plain HTTP breaks off", refused, notTls, refused],
];

for (const [name, first, second, told] of TOLD) {
  Deno.test(`of two failures the telling one is thrown: ${name}`, async () => {
    const inner = new FakeTransport(first, second);
    await assert.rejects(new SchemeTransport(inner).send(get(NEAR)), (error) => error === told);
    assert.deepEqual(inner.lines, [`GET ${plain(NEAR)}`, `GET ${NEAR}`]);
  });
}

Deno.test("after a failure both are tried anew", async () => {
  const inner = new FakeTransport(refused, refused, response(200));
  const transport = new SchemeTransport(inner);
  await assert.rejects(transport.send(get(NEAR)), (error) => hasCode(error, "LDR_UNREACHABLE"));
  await transport.send(get(NEAR));
  assert.equal(inner.lines.at(-1), `GET ${plain(NEAR)}`);
});

for (const code of ["LDR_TIMEOUT", "LDR_DNS", "LDR_INTERRUPTED"] as const) {
  Deno.test(`${code} says nothing about the scheme`, async () => {
    const inner = new FakeTransport(failure(code));
    await assert.rejects(
      new SchemeTransport(inner).send(get(NEAR)),
      (error) => hasCode(error, code),
    );
    assert.equal(inner.lines.length, 1);
  });
}

for (const error of [refused, badCertificate, notTls]) {
  Deno.test(`with --insecure plain HTTP is tried where HTTPS fails: ${error.message}`, async () => {
    const inner = new FakeTransport(error, response(200));
    assert.deepEqual(await lines(inner, [FAR, FAR], { insecure: true }), [
      `GET ${FAR}`,
      `GET ${plain(FAR)}`,
      `GET ${plain(FAR)}`,
    ]);
  });
}

Deno.test("with --insecure HTTPS is still the first choice, and the first failure is told", async () => {
  const inner = new FakeTransport(response(200));
  assert.deepEqual(await lines(inner, [FAR], { insecure: true }), [`GET ${FAR}`]);
  const down = new FakeTransport(refused, failure("LDR_UNREACHABLE", "second"));
  await assert.rejects(
    new SchemeTransport(down, { insecure: true }).send(get(FAR)),
    (error) => error === refused,
  );
});

Deno.test("an address that says plain HTTP is asked in plain HTTP, whatever its host speaks", async () => {
  const inner = new FakeTransport(response(200));
  const urls = ["http://reg.test/x", FAR, "http://reg.test/x", FAR];
  assert.deepEqual(await lines(inner, urls), urls.map((url) => `GET ${url}`));
});

Deno.test("hosts and ports are decided one by one", async () => {
  const inner = new FakeTransport(wantsTls(), response(200));
  const other = "https://localhost:5001/v2/";
  assert.deepEqual((await lines(inner, [NEAR, other])).slice(2), [`GET ${plain(other)}`]);
});

Deno.test("only the scheme is changed", async () => {
  const inner = new FakeTransport(response(200));
  const request = get("https://127.0.0.1:5000/v2/a/blobs/x?y=https://z", {
    method: "HEAD",
    headers: { a: "b" },
  });
  await new SchemeTransport(inner).send(request);
  const url = new URL("http://127.0.0.1:5000/v2/a/blobs/x?y=https://z");
  assert.deepEqual(inner.requests, [{ ...request, url }]);
});
