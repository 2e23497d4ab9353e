import assert from "node:assert/strict";
import { type ErrorCode, hasCode } from "../../../src/base/errors.ts";
import { TRANSFER_BUFFER } from "../../../src/base/limits.ts";
import { readBody, type ReadOptions } from "../../../src/registry/http/body.ts";
import { FetchTransport } from "../../../src/registry/http/clients/fetch_transport.ts";
import { Gate } from "../../support/gate.ts";
import { get } from "../../support/registry/fake_transport.ts";
import * as faults from "../../support/registry/faults.ts";
import { type Answer, HttpServer } from "../../support/registry/http_server.ts";

const withCode = (...codes: ErrorCode[]) => (error: unknown) => hasCode(error, ...codes);
const CONTENT = new Uint8Array(3 * TRANSFER_BUFFER + 17).map((_, i) => i % 253);
const good: Answer = { status: 200, headers: {}, body: CONTENT };

/** Reads a body from a server through the runtime's own client; returns the number of bytes. */
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
  bytes: new Uint8Array(),
};

Deno.test("readBody reads a large body over the wire", async () => {
  assert.equal(await overTheWire(good), CONTENT.length);
});

for (const fault of [faults.truncatedAfter, faults.resetAfter]) {
  for (const length of [0, 1, TRANSFER_BUFFER, CONTENT.length - 1]) {
    Deno.test(`readBody fails with LDR_UNREACHABLE for ${fault.name} ${length} bytes`, async () => {
      const answer = await fault(length)(good, request);
      await assert.rejects(overTheWire(answer), withCode("LDR_UNREACHABLE"));
    });
  }
}

Deno.test("readBody fails with LDR_TIMEOUT for a stall over the wire", async () => {
  const gate = new Gate();
  const answer = await faults.heldAfter(5, gate)(good, request);
  await assert.rejects(overTheWire(answer, { stallTimeout: 50 }), withCode("LDR_TIMEOUT"));
  gate.open();
});

Deno.test("readBody ends when it is aborted during a stall over the wire", async () => {
  const gate = new Gate();
  const stop = new AbortController();
  const answer = await faults.heldAfter(5, gate)(good, request);
  void gate.reached.then(() => stop.abort());
  await assert.rejects(overTheWire(answer, { signal: stop.signal }), withCode("LDR_INTERRUPTED"));
  gate.open();
});
