import assert from "node:assert/strict";
import { statIfAny } from "../../src/base/files/files.ts";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { Gate } from "../support/gate.ts";
import { TestCa } from "../support/registry/certificates.ts";
import { heldAfter } from "../support/registry/faults.ts";
import { TestService, VIA } from "../support/registry/test_service.ts";

const LAYER = blob(randomBytes(300_000));
const PATH = `app/blobs/${LAYER.descriptor.digest}`;

Deno.test("the server refuses requests above its limit until others have ended", async () => {
  await using service = await TestService.start({ maxRequests: 2 });
  service.registry.add("app", image([LAYER]), "v1");
  await service.bytes("app/manifests/v1");
  const gate = new Gate();
  service.registry.fail("/blobs/", heldAfter(150_000, gate));
  const responses = await Promise.all([service.request(PATH), service.request(PATH)]);
  const refused = await service.request(PATH);
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.deepEqual([refused.status, (await refused.json()).errors[0].code], [503, "UNAVAILABLE"]);
  await service.healthy();
  gate.open();
  for (const response of responses) {
    assert.deepEqual(new Uint8Array(await response.arrayBuffer()), LAYER.bytes);
  }
  // A response has ended for the server a moment after it has for the client.
  let status = 503;
  while (status === 503) status = (await service.request(PATH, { method: "HEAD" })).status;
  assert.equal(status, 200);
});

Deno.test("the server uses a renewed certificate once no body is being received", async () => {
  using former = await TestCa.create();
  using later = await TestCa.create();
  const [old, renewed] = await Promise.all([former, later].map(async (ca) => {
    const { certificate, key } = await ca.issue();
    return { cert: Deno.readTextFileSync(certificate), key: Deno.readTextFileSync(key) };
  }));
  await using service = await TestService.start({ tls: old! });
  // A connection of its own for each request.
  const statusOf = async (ca: TestCa, path: string, init: RequestInit = {}) => {
    using client = Deno.createHttpClient({ caCerts: [ca.pem], http2: false });
    const response = await service.request(path, { ...init, client });
    await response.body?.cancel();
    return response.status;
  };
  const gate = new Gate();
  let isBegun = false;
  const body = new ReadableStream({
    async pull(controller) {
      if (!isBegun) {
        isBegun = true;
        return controller.enqueue(LAYER.bytes.slice(0, 100_000));
      }
      await gate.pass();
      controller.enqueue(LAYER.bytes.slice(100_000));
      controller.close();
    },
  }, { highWaterMark: 0 });
  const path = `local/app/blobs/uploads/?digest=${LAYER.descriptor.digest}`;
  const push = statusOf(former, path, { method: "POST", body });
  await gate.reachedBy(push);
  while (!statIfAny(service.layout.partials)) await statusOf(former, "");
  service.renew(renewed!);
  assert.equal(await statusOf(former, ""), 200);
  gate.open();
  assert.equal(await push, 201);
  let status: number | undefined;
  while (status !== 200) status = await statusOf(later, "").catch(() => undefined);
  await assert.rejects(statusOf(former, ""), TypeError);
});

Deno.test("the server does not wait for itself if it is its own mirror by another name", async () => {
  await using service = await TestService.start();
  service.registry.add("app", image([LAYER]), "v1");
  const headers = { via: `1.1 proxy, ${VIA}, 1.1 other` };
  assert.equal(await service.error("app/manifests/v1", { headers }), "404 MANIFEST_UNKNOWN");
  assert.equal(await service.error(PATH, { headers }), "404 BLOB_UNKNOWN");
  assert.deepEqual(service.registry.requests(), []);
  await service.bytes("app/manifests/v1", 200, { headers: { via: "1.1 larder-other" } });
});

const PART = `GET /v2/${PATH} HTTP/1.1\r\nhost: localhost\r\nrange: `;
const MANY = "0-1,".repeat(2000);

const HEADS: readonly (readonly [name: string, head: string, status: string])[] = [
  ["HTTP/1.0", "GET /v2/ HTTP/1.0\r\n\r\n", "HTTP/1.0 200"],
  ["no version", "GET /v2/\r\n\r\n", "HTTP/1.1 400"],
  [
    "a target of another host",
    "GET http://evil.test/v2/x HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "HTTP/1.1 404",
  ],
  [
    "a target without a path",
    "GET http://localhost HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "HTTP/1.1 404",
  ],
  ["the target *", "OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n", "HTTP/1.1 404"],
  ["two hosts", "GET /v2/ HTTP/1.1\r\nhost: localhost\r\nhost: evil.test\r\n\r\n", "HTTP/1.1 400"],
  [
    "an unknown method",
    "FOO /v2/app/manifests/v1 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "HTTP/1.1 405",
  ],
  [
    "a body that never comes",
    "PUT /v2/app/manifests/v1 HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9999999\r\n\r\n{",
    "HTTP/1.1 405",
  ],
  [
    "a body of GET",
    "GET /v2/ HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\n\r\nabc",
    "HTTP/1.1 200",
  ],
  [
    "two lengths of the body",
    "GET /v2/ HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 400",
  ],
  [
    "a huge header",
    `GET /v2/ HTTP/1.1\r\nhost: localhost\r\nx: ${"x".repeat(70_000)}\r\n\r\n`,
    "HTTP/1.1 400",
  ],
  ["TLS", "\x16\x03\x01\x02\x00\x01", "HTTP/1.1 400"],
  ["several ranges", `${PART}bytes=0-0,5-6\r\n\r\n`, "HTTP/1.1 200"],
  ["2,001 ranges", `${PART}bytes=${MANY}0-1\r\n\r\n`, "HTTP/1.1 200"],
  ["two range headers", `${PART}bytes=0-1\r\nrange: bytes=4-5\r\n\r\n`, "HTTP/1.1 200"],
  ["a range of huge numbers", `${PART}bytes=0-${"9".repeat(400)}\r\n\r\n`, "HTTP/1.1 206"],
  ["a range that begins there", `${PART}bytes=${"9".repeat(400)}-\r\n\r\n`, "HTTP/1.1 416"],
  [
    "a weak If-Range",
    `${PART}bytes=0-1\r\nif-range: W/"${LAYER.descriptor.digest}"\r\n\r\n`,
    "HTTP/1.1 200",
  ],
  [
    "an If-Range with a time",
    `${PART}bytes=0-1\r\nif-range: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n`,
    "HTTP/1.1 200",
  ],
];

Deno.test("the server answers requests that no client of a registry sends", async (t) => {
  await using service = await TestService.start();
  service.registry.add("app", image([LAYER]), "v1");
  await service.bytes("app/manifests/v1");
  await service.bytes(PATH);
  for (const [name, head, status] of HEADS) {
    await t.step(name, async () => assert.equal(await service.statusLine(head), status));
  }
  assert.deepEqual(service.warnings, []);
});
