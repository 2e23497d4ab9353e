import assert from "node:assert/strict";
import { CgiResponse } from "../../../../src/run/engine/cgi/response.ts";

/** Returns the response to what a command prints in pieces: its head, its body, and its error. */
function responseTo(pieces: readonly string[], isForHead = false): unknown[] {
  const events: unknown[] = [];
  const response = new CgiResponse({
    head: (status, headers) => void events.push(status, headers.map((each) => each.join("="))),
    chunk: (bytes) => void events.push(new TextDecoder().decode(bytes)),
    end: (isComplete) => void events.push(isComplete),
  }, isForHead);
  try {
    for (const piece of pieces) response.write(new TextEncoder().encode(piece));
  } catch {
    // It is reported at the end.
  }
  try {
    response.finish();
  } catch (error) {
    events.push((error as Error).message);
  }
  return events;
}

const TYPE = "content-type=text/plain";

for (
  const [what, pieces, expected] of [
    ["a type", ["Content-Type: text/plain\n\nhi"], [200, [TYPE], "hi", true]],
    ["pieces", ["Content-Type: text", "/plain\r\n", "\r", "\nh", "i\n\n"], [
      200,
      [TYPE],
      "h",
      "i\n\n",
      true,
    ]],
    ["a status", ["Status: 404 Not Found\n\n"], [404, [], true]],
    ["a status that is none", ["Status: fine\n\n"], [502, [], true]],
    ["a location", ["Location: /a\n\n"], [302, ["location=/a"], true]],
    ["a location and a status", ["Status: 301\nLocation: /a\n\n"], [301, ["location=/a"], true]],
    ["a status without a body", ["Status: 204\n\nhi"], [204, [], true]],
    ["repeated fields, and lines that are no fields", [
      "Content-Type: text/plain\nnonsense\nSet-Cookie: a\nset-cookie: b\nConnection: close\n\n",
    ], [200, [TYPE, "set-cookie=a", "set-cookie=b"], true]],
    ["no field that makes a response", ["x-a: 1\n\nhi"], [
      "the guest printed a header without content-type, location or status",
    ]],
    ["no empty line", ["hello\n"], ["the guest printed no header and empty line"]],
    ["nothing", [], ["the guest printed no header and empty line"]],
    ["a header without an end", ["x".repeat(200_000), "x".repeat(200_000)], [
      "the guest printed no empty line within 262144 bytes",
    ]],
  ] as readonly [string, string[], unknown[]][]
) {
  Deno.test(`CgiResponse of ${what}`, () => assert.deepEqual(responseTo(pieces), expected));
}

Deno.test("CgiResponse to HEAD has no body", () => {
  assert.deepEqual(responseTo(["Content-Type: text/plain\n\nhi"], true), [200, [TYPE], true]);
});
