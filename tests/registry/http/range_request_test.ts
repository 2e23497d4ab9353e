import assert from "node:assert/strict";
import { digestOf } from "../../../src/oci/hash.ts";
import { requestFrom } from "../../../src/registry/http/range_request.ts";
import { type FakeResponse, response } from "../../support/registry/fake_transport.ts";

const BLOB = { digest: digestOf(new Uint8Array(10)), size: 10 };
const partial = (contentRange?: string) =>
  response(206, contentRange === undefined ? {} : { "content-range": contentRange });

/** Name, the offset asked for, the answers in turn, the ranges asked for, and where the body begins. */
const CASES: [string, number, FakeResponse[], (string | undefined)[], number | undefined][] = [
  ["all of it", 0, [response(200)], [undefined], 0],
  ["the rest", 5, [partial("bytes 5-9/10")], ["bytes=5-"], 5],
  ["the rest of a length that is not known", 5, [partial("bytes 5-9/*")], ["bytes=5-"], 5],
  ["the rest, without saying which", 5, [partial()], ["bytes=5-"], 5],
  ["a range that is ignored", 5, [response(200)], ["bytes=5-"], 0],
  ["a part that is all of it", 5, [partial("bytes 0-9/10")], ["bytes=5-"], 0],
  ["a part that begins too late", 5, [partial("bytes 7-9/10"), response(200)], [
    "bytes=5-",
    undefined,
  ], 0],
  ["a part that begins too early", 5, [partial("bytes 4-9/10"), response(200)], [
    "bytes=5-",
    undefined,
  ], 0],
  ["an offset at the end", 10, [response(416), response(200)], ["bytes=10-", undefined], 0],
  ["a part that nobody asked for", 0, [partial("bytes 0-9/10")], [undefined], 0],
  [
    "a part that nobody asked for, from the middle",
    0,
    [partial("bytes 3-9/10")],
    [undefined],
    undefined,
  ],
  ["a part from past all numbers", 5, [partial(`bytes ${"9".repeat(400)}-`), response(200)], [
    "bytes=5-",
    undefined,
  ], 0],
  [
    "a range refused twice",
    10,
    [response(416), response(416)],
    ["bytes=10-", undefined],
    undefined,
  ],
  [
    "a rest of the wrong length",
    5,
    [response(206, { "content-range": "bytes 5-9/10", "content-length": "10" }), response(200)],
    ["bytes=5-", undefined],
    0,
  ],
  ["a failure", 5, [response(404)], ["bytes=5-"], undefined],
  [
    "a failure after the end",
    10,
    [response(416), response(500)],
    ["bytes=10-", undefined],
    undefined,
  ],
  ["an answer without content", 0, [response(204)], [undefined], undefined],
];

for (const [name, offset, answers, ranges, start] of CASES) {
  Deno.test(`a blob is asked for: ${name}`, async () => {
    const asked: (string | undefined)[] = [];
    const result = await requestFrom(BLOB, offset, (headers) => {
      asked.push(headers.range);
      return Promise.resolve(answers[asked.length - 1]!);
    });
    assert.deepEqual(asked, ranges);
    assert.equal(result.response, answers.at(-1));
    assert.equal(result.start, start);
    const released = answers.map((answer) => answer.isReleased);
    assert.deepEqual(released, [...answers.slice(1).map(() => true), false]);
  });
}
