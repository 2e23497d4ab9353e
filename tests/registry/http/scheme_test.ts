import assert from "node:assert/strict";
import { type ErrorCode, hasCode, LarderError } from "../../../src/base/errors.ts";
import { SchemeTransport } from "../../../src/registry/http/scheme.ts";
import { FakeTransport, get, response } from "../../support/registry/fake_transport.ts";

const REMOTE = "https://reg.test/v2/";
const LOCAL = "https://localhost:5000/v2/";
const plain = (url: string) => url.replace("https:", "http:");

const failure = (code: ErrorCode, message: string = code) =>
  new LarderError(code, message, { hint: "h" });
const refused = failure("LDR_UNREACHABLE");
const badCertificate = failure("LDR_TLS", "invalid peer certificate: UnknownIssuer");
const notTls = failure("LDR_TLS", "received corrupt message of type InvalidContentType");
const wantsTls = () => response(400, {}, "Client sent an HTTP request to an HTTPS server.\n");

/** Sends a request to each URL through one transport; returns the requests to the inner one. */
async function lines(
  inner: FakeTransport,
  urls: readonly string[],
  options: { insecure?: boolean } = {},
): Promise<string[]> {
  const transport = new SchemeTransport(inner, options);
  for (const url of urls) await transport.send(get(url));
  return inner.lines;
}

Deno.test("SchemeTransport.send uses HTTPS for other machines", async () => {
  assert.deepEqual(await lines(new FakeTransport(response(200)), [REMOTE, REMOTE]), [
    `GET ${REMOTE}`,
    `GET ${REMOTE}`,
  ]);
});

for (const error of [refused, badCertificate, notTls]) {
  Deno.test(`SchemeTransport.send does not try plain HTTP after ${error.message}`, async () => {
    const inner = new FakeTransport(error);
    await assert.rejects(
      new SchemeTransport(inner).send(get(REMOTE)),
      (thrown) => thrown === error,
    );
    assert.deepEqual(inner.lines, [`GET ${REMOTE}`]);
  });
}

Deno.test("SchemeTransport.send uses plain HTTP for this machine", async () => {
  assert.deepEqual(await lines(new FakeTransport(response(401)), [LOCAL, LOCAL]), [
    `GET ${plain(LOCAL)}`,
    `GET ${plain(LOCAL)}`,
  ]);
});

Deno.test("SchemeTransport.send uses HTTPS for this machine after a 400 that requires TLS", async () => {
  const first = wantsTls();
  const inner = new FakeTransport(first, response(200));
  assert.deepEqual(await lines(inner, [LOCAL, LOCAL]), [
    `GET ${plain(LOCAL)}`,
    `GET ${LOCAL}`,
    `GET ${LOCAL}`,
  ]);
  assert.equal(first.isReleased, true);
});

Deno.test("SchemeTransport.send uses HTTPS for this machine after a failure of plain HTTP", async () => {
  assert.deepEqual(await lines(new FakeTransport(refused, response(200)), [LOCAL, LOCAL]), [
    `GET ${plain(LOCAL)}`,
    `GET ${LOCAL}`,
    `GET ${LOCAL}`,
  ]);
});

Deno.test("SchemeTransport.send returns a registry's own 400", async () => {
  const answer = response(400, { "docker-distribution-api-version": "registry/2.0" });
  const inner = new FakeTransport(answer);
  assert.equal(await new SchemeTransport(inner).send(get(LOCAL)), answer);
  assert.equal(answer.isReleased, false);
});

Deno.test("SchemeTransport.send repeats the request for a 400 of a server without TLS", async () => {
  const again = response(400, {}, "bad request");
  const inner = new FakeTransport(wantsTls(), notTls, again);
  const transport = new SchemeTransport(inner);
  assert.equal(await transport.send(get(LOCAL)), again);
  await transport.send(get(LOCAL));
  assert.deepEqual(inner.lines, [
    `GET ${plain(LOCAL)}`,
    `GET ${LOCAL}`,
    `GET ${plain(LOCAL)}`,
    `GET ${plain(LOCAL)}`,
  ]);
});

Deno.test("SchemeTransport.send throws the failure of HTTPS after a 400 that requires TLS", async () => {
  const inner = new FakeTransport(wantsTls(), refused, response(200));
  const transport = new SchemeTransport(inner);
  await assert.rejects(transport.send(get(LOCAL)), (error) => error === refused);
  assert.deepEqual(inner.lines, [`GET ${plain(LOCAL)}`, `GET ${LOCAL}`]);
});

/** Name, errors of the two schemes of a loopback registry, and the one that is thrown. */
const FAILURES: [string, LarderError, LarderError, LarderError][] = [
  ["a closed port", refused, failure("LDR_UNREACHABLE", "second"), refused],
  ["an untrusted certificate", refused, badCertificate, badCertificate],
  ["plain HTTP that breaks off", refused, notTls, refused],
];

for (const [name, first, second, expected] of FAILURES) {
  Deno.test(`SchemeTransport.send throws the relevant failure for ${name}`, async () => {
    const inner = new FakeTransport(first, second);
    await assert.rejects(
      new SchemeTransport(inner).send(get(LOCAL)),
      (error) => error === expected,
    );
    assert.deepEqual(inner.lines, [`GET ${plain(LOCAL)}`, `GET ${LOCAL}`]);
  });
}

Deno.test("SchemeTransport.send tries both schemes again after a failure", async () => {
  const inner = new FakeTransport(refused, refused, response(200));
  const transport = new SchemeTransport(inner);
  await assert.rejects(transport.send(get(LOCAL)), (error) => hasCode(error, "LDR_UNREACHABLE"));
  await transport.send(get(LOCAL));
  assert.equal(inner.lines.at(-1), `GET ${plain(LOCAL)}`);
});

for (const code of ["LDR_TIMEOUT", "LDR_DNS", "LDR_INTERRUPTED"] as const) {
  Deno.test(`SchemeTransport.send does not try HTTPS after ${code}`, async () => {
    const inner = new FakeTransport(failure(code));
    await assert.rejects(
      new SchemeTransport(inner).send(get(LOCAL)),
      (error) => hasCode(error, code),
    );
    assert.equal(inner.lines.length, 1);
  });
}

for (const error of [refused, badCertificate, notTls]) {
  Deno.test(`SchemeTransport.send tries plain HTTP for an insecure host after ${error.message}`, async () => {
    const inner = new FakeTransport(error, response(200));
    assert.deepEqual(await lines(inner, [REMOTE, REMOTE], { insecure: true }), [
      `GET ${REMOTE}`,
      `GET ${plain(REMOTE)}`,
      `GET ${plain(REMOTE)}`,
    ]);
  });
}

Deno.test("SchemeTransport.send tries HTTPS first for an insecure host and throws its failure", async () => {
  const inner = new FakeTransport(response(200));
  assert.deepEqual(await lines(inner, [REMOTE], { insecure: true }), [`GET ${REMOTE}`]);
  const down = new FakeTransport(refused, failure("LDR_UNREACHABLE", "second"));
  await assert.rejects(
    new SchemeTransport(down, { insecure: true }).send(get(REMOTE)),
    (error) => error === refused,
  );
});

Deno.test("SchemeTransport.send throws the failure of plain HTTP if an insecure host speaks that", async () => {
  const proxy = failure("LDR_CONFIG", "cannot reach it through the proxy");
  const transport = new SchemeTransport(new FakeTransport(notTls, proxy), { insecure: true });
  await assert.rejects(transport.send(get(REMOTE)), (thrown) => thrown === proxy);
});

Deno.test("SchemeTransport.send keeps the scheme of an http: URL", async () => {
  const inner = new FakeTransport(response(200));
  const urls = ["http://reg.test/x", REMOTE, "http://reg.test/x", REMOTE];
  assert.deepEqual(await lines(inner, urls), urls.map((url) => `GET ${url}`));
});

Deno.test("SchemeTransport.send chooses the scheme for each host and port", async () => {
  const inner = new FakeTransport(wantsTls(), response(200));
  const other = "https://localhost:5001/v2/";
  assert.deepEqual((await lines(inner, [LOCAL, other])).slice(2), [`GET ${plain(other)}`]);
});

Deno.test("SchemeTransport.send changes only the scheme", async () => {
  const inner = new FakeTransport(response(200));
  const request = get("https://127.0.0.1:5000/v2/a/blobs/x?y=https://z", {
    method: "HEAD",
    headers: { a: "b" },
  });
  await new SchemeTransport(inner).send(request);
  const url = new URL("http://127.0.0.1:5000/v2/a/blobs/x?y=https://z");
  assert.deepEqual(inner.requests, [{ ...request, url }]);
});
