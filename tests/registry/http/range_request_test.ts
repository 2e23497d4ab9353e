import assert from "node:assert/strict";
import { hasCode, LarderError } from "../../../src/base/errors.ts";
import { digestOf } from "../../../src/oci/hash.ts";
import { requestFrom } from "../../../src/registry/http/range_request.ts";
import { type FakeResponse, response } from "../../support/registry/fake_transport.ts";

const BLOB = { digest: digestOf(new Uint8Array(10)), size: 10 };
const partial = (contentRange?: string) =>
  response(206, contentRange === undefined ? {} : { "content-range": contentRange });

/** Name, offset, responses in order, requested ranges, and the offset of the body. */
type Case = [string, number, FakeResponse[], (string | undefined)[], number | undefined];
const CASES: Case[] = [
  ["a whole blob", 0, [response(200)], [undefined], 0],
  ["a range", 5, [partial("bytes 5-9/10")], ["bytes=5-9"], 5],
  ["a range of unknown length", 5, [partial("bytes 5-9/*")], ["bytes=5-9"], 5],
  ["a range without Content-Range", 5, [partial()], ["bytes=5-9"], 5],
  ["an ignored range", 5, [response(200)], ["bytes=5-9"], 0],
  ["the whole blob as a range", 5, [partial("bytes 0-9/10")], ["bytes=5-9"], 0],
  ["a range that begins too late", 5, [partial("bytes 7-9/10"), response(200)], [
    "bytes=5-9",
    undefined,
  ], 0],
  ["a range that begins too early", 5, [partial("bytes 4-9/10"), response(200)], [
    "bytes=5-9",
    undefined,
  ], 0],
  ...[400, 403, 404, 405, 416, 500, 501, 502].map((status): Case => [
    `a range refused with ${status}`,
    5,
    [response(status), response(200)],
    ["bytes=5-9", undefined],
    0,
  ]),
  ...[408, 429, 503].map((status): Case => [
    `a range and ${status}`,
    5,
    [response(status)],
    ["bytes=5-9"],
    undefined,
  ]),
  ["an unrequested range from the start", 0, [partial("bytes 0-9/10")], [undefined], 0],
  [
    "an unrequested range from the middle",
    0,
    [partial("bytes 3-9/10")],
    [undefined],
    undefined,
  ],
  ["a range with an offset past all numbers", 5, [
    partial(`bytes ${"9".repeat(400)}-`),
    response(200),
  ], [
    "bytes=5-9",
    undefined,
  ], 0],
  [
    "416 twice",
    5,
    [response(416), response(416)],
    ["bytes=5-9", undefined],
    undefined,
  ],
  [
    "a range of the wrong length",
    5,
    [response(206, { "content-range": "bytes 5-9/10", "content-length": "10" }), response(200)],
    ["bytes=5-9", undefined],
    0,
  ],
  [
    "500 after 416",
    5,
    [response(416), response(500)],
    ["bytes=5-9", undefined],
    undefined,
  ],
  ["204", 0, [response(204)], [undefined], undefined],
];

for (const [name, offset, answers, ranges, start] of CASES) {
  Deno.test(`requestFrom with ${name}`, async () => {
    const requested: (string | undefined)[] = [];
    const result = await requestFrom(BLOB, { start: offset }, (headers) => {
      requested.push(headers.range);
      return Promise.resolve(answers[requested.length - 1]!);
    });
    assert.deepEqual(requested, ranges);
    assert.equal(result.response, answers.at(-1));
    assert.equal(result.start, start);
    const released = answers.map((answer) => answer.isReleased);
    assert.deepEqual(released, [...answers.slice(1).map(() => true), false]);
  });
}

/** Start and end of the part, responses in order, requested ranges, start and end of the body. */
const PARTS: [number, number, FakeResponse[], (string | undefined)[], number, number?][] = [
  [0, 5, [partial("bytes 0-4/10")], ["bytes=0-4"], 0, 5],
  [5, 7, [partial("bytes 5-6/*")], ["bytes=5-6"], 5, 7],
  [5, 10, [partial("bytes 5-9/10")], ["bytes=5-9"], 5, 10],
  [0, 10, [response(200)], [undefined], 0],
  [5, 7, [response(200)], ["bytes=5-6"], 0],
  // The server sends the rest of the blob instead.
  [5, 7, [partial("bytes 5-9/10")], ["bytes=5-6"], 5],
  [5, 7, [partial()], ["bytes=5-6"], 5],
  [0, 5, [response(416), response(200)], ["bytes=0-4", undefined], 0],
  [5, 7, [partial("bytes 4-6/10"), response(200)], ["bytes=5-6", undefined], 0],
  // Of a part that is shorter than its header says, or of a blob of another size.
  [
    0,
    5,
    [response(206, { "content-range": "bytes 0-4/10", "content-length": "4" }), response(200)],
    ["bytes=0-4", undefined],
    0,
  ],
  [
    0,
    5,
    [response(206, { "content-range": "bytes 0-4/11", "content-length": "5" }), response(200)],
    ["bytes=0-4", undefined],
    0,
  ],
];

for (const [from, to, answers, ranges, start, end] of PARTS) {
  const said = answers.map(({ status, headers }) =>
    `${status} ${headers.get("content-range") ?? ""} ${headers.get("content-length") ?? ""}`.trim()
  );
  Deno.test(`requestFrom with the part ${from}-${to} and ${said.join(", ")}`, async () => {
    const requested: (string | undefined)[] = [];
    const result = await requestFrom(BLOB, { start: from, end: to }, (headers) => {
      requested.push(headers.range);
      return Promise.resolve(answers[requested.length - 1]!);
    });
    assert.deepEqual([requested, result.start, result.end], [ranges, start, end]);
  });
}

Deno.test("requestFrom starts over if a range alone is forbidden", async () => {
  const ranges: (string | undefined)[] = [];
  const forbidden = new LarderError("LDR_FORBIDDEN", "no", { hint: "h" });
  const { start } = await requestFrom(BLOB, { start: 5 }, ({ range }) => {
    ranges.push(range);
    return range ? Promise.reject(forbidden) : Promise.resolve(response(200));
  });
  assert.deepEqual([start, ranges], [0, ["bytes=5-9", undefined]]);
  const always = requestFrom(BLOB, { start: 5 }, () => Promise.reject(forbidden));
  await assert.rejects(always, (error) => error === forbidden);
});

Deno.test("requestFrom sends an open range for a blob of unknown size", async () => {
  const ranges: (string | undefined)[] = [];
  await requestFrom({ digest: BLOB.digest }, { start: 5 }, ({ range }) => {
    ranges.push(range);
    return Promise.resolve(partial("bytes 5-9/10"));
  });
  assert.deepEqual(ranges, ["bytes=5-"]);
});

/** Headers of a 200 for a blob of 10 bytes, and whether they announce another length. */
const LENGTHS: [Record<string, string>, boolean][] = [
  [{}, false],
  [{ "content-length": "10" }, false],
  [{ "content-length": "10, 10" }, false],
  [{ "content-length": "11" }, true],
  [{ "content-length": "11,11" }, true],
  [{ "content-length": "10, 11" }, false],
  [{ "content-length": "ten" }, false],
  [{ "content-length": "11", "transfer-encoding": "chunked" }, false],
  [{ "content-length": "11", "content-encoding": "gzip" }, false],
];

for (const [headers, isOther] of LENGTHS) {
  Deno.test(`requestFrom ${isOther ? "rejects" : "accepts"} ${JSON.stringify(headers)}`, async () => {
    const answer = response(200, headers);
    const request = requestFrom(BLOB, { start: 0 }, () => Promise.resolve(answer));
    if (isOther) {
      await assert.rejects(
        request,
        (error) =>
          hasCode(error, "LDR_SIZE_MISMATCH") && /11 bytes instead of 10/.test(error.message),
      );
    } else assert.equal((await request).start, 0);
  });
}
