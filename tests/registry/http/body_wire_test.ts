import assert from "node:assert/strict";
import { TRANSFER_BUFFER } from "../../../src/base/limits.ts";
import { type ErrorCode, hasCode } from "../../../src/base/errors.ts";
import { readBody, type ReadOptions } from "../../../src/registry/http/body.ts";
import { FetchTransport } from "../../../src/registry/http/fetch_transport.ts";
import { get } from "../../support/registry/fake_transport.ts";
import * as faults from "../../support/registry/faults.ts";
import { Gate } from "../../support/gate.ts";
import { type Answer, HttpServer } from "../../support/registry/http_server.ts";

const withCode = (...codes: ErrorCode[]) => (error: unknown) => hasCode(error, ...codes);
const CONTENT = new Uint8Array(3 * TRANSFER_BUFFER + 17).map((_, i) => i % 253);
const good: Answer = { status: 200, headers: {}, body: CONTENT };

/** Reads a body that a server sends, through the runtime's own client; gives the bytes that came. */
async function overTheWire(answer: Answer, options: Partial<ReadOptions> = {}): Promise<number> {
  await using server = await HttpServer.start(() => answer);
  using transport = new FetchTransport();
  const url = new URL(`http://${server.host}/`);
  const body = await transport.send(get(url.href));
  let length = 0;
  for await (const chunk of readBody(body, { url, expected: CONTENT.length, ...options })) {
    assert.deepEqual(chunk, CONTENT.subarray(length, length + chunk.length));
    length += chunk.length;
  }
  return length;
}

const request = {
  method: "GET",
  path: "/",
  query: new URLSearchParams(),
  headers: new Headers(),
  body: "",
};

Deno.test("a large body comes whole over the wire", async () => {
  assert.equal(await overTheWire(good), CONTENT.length);
});

for (const fault of [faults.truncatedAfter, faults.resetAfter]) {
  for (const length of [0, 1, TRANSFER_BUFFER, CONTENT.length - 1]) {
    Deno.test(`a body cut off after ${length} bytes is LDR_UNREACHABLE: ${fault.name}`, async () => {
      const answer = await fault(length)(good, request);
      await assert.rejects(overTheWire(answer), withCode("LDR_UNREACHABLE"));
    });
  }
}

Deno.test("a body that stalls over the wire is LDR_TIMEOUT", async () => {
  const gate = new Gate();
  const answer = await faults.heldAfter(5, gate)(good, request);
  await assert.rejects(overTheWire(answer, { stallTimeout: 50 }), withCode("LDR_TIMEOUT"));
  gate.open();
});

Deno.test("an abort ends a body that waits over the wire", async () => {
  const gate = new Gate();
  const stop = new AbortController();
  const answer = await faults.heldAfter(5, gate)(good, request);
  void gate.reached.then(() => stop.abort());
  await assert.rejects(overTheWire(answer, { signal: stop.signal }), withCode("LDR_INTERRUPTED"));
  gate.open();
});
