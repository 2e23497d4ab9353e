import assert from "node:assert/strict";
import { digestOf } from "../../../src/oci/hash.ts";
import { requestFrom } from "../../../src/registry/http/range_request.ts";
import { type FakeResponse, response } from "../../support/registry/fake_transport.ts";

const BLOB = { digest: digestOf(new Uint8Array(10)), size: 10 };
const partial = (contentRange?: string) =>
  response(206, contentRange === undefined ? {} : { "content-range": contentRange });

/** Name, offset, responses in order, requested ranges, and the offset of the body. */
const CASES: [string, number, FakeResponse[], (string | undefined)[], number | undefined][] = [
  ["a whole blob", 0, [response(200)], [undefined], 0],
  ["a range", 5, [partial("bytes 5-9/10")], ["bytes=5-"], 5],
  ["a range of unknown length", 5, [partial("bytes 5-9/*")], ["bytes=5-"], 5],
  ["a range without Content-Range", 5, [partial()], ["bytes=5-"], 5],
  ["an ignored range", 5, [response(200)], ["bytes=5-"], 0],
  ["the whole blob as a range", 5, [partial("bytes 0-9/10")], ["bytes=5-"], 0],
  ["a range that begins too late", 5, [partial("bytes 7-9/10"), response(200)], [
    "bytes=5-",
    undefined,
  ], 0],
  ["a range that begins too early", 5, [partial("bytes 4-9/10"), response(200)], [
    "bytes=5-",
    undefined,
  ], 0],
  ["an offset at the end", 10, [response(416), response(200)], ["bytes=10-", undefined], 0],
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
    "bytes=5-",
    undefined,
  ], 0],
  [
    "416 twice",
    10,
    [response(416), response(416)],
    ["bytes=10-", undefined],
    undefined,
  ],
  [
    "a range of the wrong length",
    5,
    [response(206, { "content-range": "bytes 5-9/10", "content-length": "10" }), response(200)],
    ["bytes=5-", undefined],
    0,
  ],
  ["404", 5, [response(404)], ["bytes=5-"], undefined],
  [
    "500 after 416",
    10,
    [response(416), response(500)],
    ["bytes=10-", undefined],
    undefined,
  ],
  ["204", 0, [response(204)], [undefined], undefined],
];

for (const [name, offset, answers, ranges, start] of CASES) {
  Deno.test(`requestFrom with ${name}`, async () => {
    const requested: (string | undefined)[] = [];
    const result = await requestFrom(BLOB, offset, (headers) => {
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
