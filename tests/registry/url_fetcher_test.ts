import assert from "node:assert/strict";
import { type ErrorCode, hasCode, LarderError } from "../../src/base/errors.ts";
import { Tries } from "../../src/base/tries.ts";
import type { BlobStream } from "../../src/oci/fetcher.ts";
import { digestOf } from "../../src/oci/hash.ts";
import { UrlFetcher } from "../../src/registry/url_fetcher.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeTransport, response } from "../support/registry/fake_transport.ts";

const CONTENT = new TextEncoder().encode("0123456789");
const LAYER = { mediaType: "x/y", digest: digestOf(CONTENT), size: CONTENT.length };
const [A, B] = ["https://a.test/layer", "http://b.test/layer"];
const failure = (code: ErrorCode) => new LarderError(code, code, { hint: "h" });
const withCode = (code: ErrorCode) => (error: unknown) => hasCode(error, code);

async function text({ chunks }: BlobStream): Promise<string> {
  let text = "";
  for await (const chunk of chunks) text += new TextDecoder().decode(chunk);
  return text;
}

Deno.test("UrlFetcher.fetch uses the first URL that has the blob, without credentials", async () => {
  const transport = new FakeTransport(response(200, {}, [CONTENT]));
  const content = await new UrlFetcher(transport, [A, B]).fetch(LAYER);
  assert.equal(content.offset, 0);
  assert.equal(await text(content), "0123456789");
  assert.deepEqual(transport.lines, [`GET ${A}`]);
  assert.deepEqual(transport.requests[0]!.headers, {});
});

for (const first of [response(404), response(500), failure("LDR_UNREACHABLE")]) {
  Deno.test(`UrlFetcher.fetch tries the next URL after ${first instanceof Error ? first.code : first.status}`, async () => {
    const transport = new FakeTransport(first, response(200, {}, [CONTENT]));
    assert.equal(await text(await new UrlFetcher(transport, [A, B]).fetch(LAYER)), "0123456789");
    assert.deepEqual(transport.lines, [`GET ${A}`, `GET ${B}`]);
    if (!(first instanceof Error)) assert.equal(first.isReleased, true);
  });
}

Deno.test("UrlFetcher.fetch counts the requests to the last URL alone in the caller's tries", async () => {
  const transport = new FakeTransport(response(404), response(200, {}, [CONTENT]));
  const tries = new Tries(new FakeClock());
  await text(await new UrlFetcher(transport, [A, B]).fetch(LAYER, 0, { tries }));
  assert.deepEqual(transport.requests.map((request) => request.tries), [undefined, tries]);
});

Deno.test("UrlFetcher.fetch fails with the last error", async () => {
  const transport = new FakeTransport(response(500), response(404));
  await assert.rejects(new UrlFetcher(transport, [A, B]).fetch(LAYER), withCode("LDR_NOT_FOUND"));
});

const UNUSABLE = [
  "ftp://a.test/x",
  "file:///etc/passwd",
  "data:,x",
  "javascript:1",
  "x",
  "",
  "https://[",
];

Deno.test("UrlFetcher.fetch ignores URLs other than http and https, and fails without any", async () => {
  const transport = new FakeTransport(response(200, {}, [CONTENT]));
  await assert.rejects(
    new UrlFetcher(transport, UNUSABLE).fetch(LAYER),
    (error) => hasCode(error, "LDR_NOT_FOUND") && error.message.includes(LAYER.digest),
  );
  assert.equal(transport.requests.length, 0);
  await text(await new UrlFetcher(transport, [...UNUSABLE, B]).fetch(LAYER));
  assert.deepEqual(transport.lines, [`GET ${B}`]);
});

Deno.test("UrlFetcher.fetch continues from the offset, or starts over if the server cannot", async () => {
  const rest = response(206, { "content-range": "bytes 4-9/10" }, [CONTENT.subarray(4)]);
  const ranged = new FakeTransport(rest);
  const content = await new UrlFetcher(ranged, [A]).fetch(LAYER, 4);
  assert.deepEqual([content.offset, await text(content)], [4, "456789"]);
  assert.equal(ranged.requests[0]!.headers.range, "bytes=4-9");

  const whole = await new UrlFetcher(new FakeTransport(response(200)), [A]).fetch(LAYER, 4);
  assert.equal(whole.offset, 0);

  const page = response(200, { "content-length": "1234" });
  const portal = new UrlFetcher(new FakeTransport(page), [A]);
  await assert.rejects(portal.fetch(LAYER, 4), withCode("LDR_SIZE_MISMATCH"));
  assert.equal(page.isReleased, true);
  const { mediaType, digest } = LAYER;
  const unsized = await portal.fetch({ mediaType, digest }, 4);
  assert.equal(unsized.offset, 0);

  const wrong = response(206, { "content-range": "bytes 7-9/10" });
  const stubborn = new FakeTransport(wrong, response(200, {}, [CONTENT]));
  assert.equal((await new UrlFetcher(stubborn, [A]).fetch(LAYER, 4)).offset, 0);
  assert.equal(wrong.isReleased, true);
});

Deno.test("UrlFetcher.fetch does not try the next URL after an abort", async () => {
  const stop = new AbortController();
  const transport = new FakeTransport(() => {
    stop.abort();
    return failure("LDR_INTERRUPTED");
  });
  await assert.rejects(
    new UrlFetcher(transport, [A, B]).fetch(LAYER, 0, { signal: stop.signal }),
    withCode("LDR_INTERRUPTED"),
  );
  assert.deepEqual(transport.lines, [`GET ${A}`]);
  assert.equal(transport.requests[0]!.signal, stop.signal);
});
