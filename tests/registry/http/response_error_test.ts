import assert from "node:assert/strict";
import { type ErrorCode, hasCode } from "../../../src/base/errors.ts";
import { MAX_DOCUMENT } from "../../../src/base/limits.ts";
import { responseError } from "../../../src/registry/http/response_error.ts";
import { response } from "../../support/registry/fake_transport.ts";

const URL_ = new URL("https://reg.test:5000/v2/app/manifests/v1?sig=secret");
const errorOf = (answer: ReturnType<typeof response>, signal?: AbortSignal) =>
  responseError(answer, URL_, "reg.test:5000/app:v1", "reg.test:5000", { signal });

const STATUSES: [number, ErrorCode, RegExp, RegExp][] = [
  [401, "LDR_UNAUTHORIZED", /^not authorised for/, /larder login reg\.test:5000/],
  [403, "LDR_FORBIDDEN", /^no access to/, /larder login reg\.test:5000/],
  [404, "LDR_NOT_FOUND", /^not found: /, /spelling/],
  [429, "LDR_RATE_LIMITED", /^rate limited on/, /wait/],
  [407, "LDR_UNAUTHORIZED", /^the proxy denies access to/, /HTTPS_PROXY/],
  [408, "LDR_SERVER_ERROR", /failed on/, /later/],
  [500, "LDR_SERVER_ERROR", /failed on/, /later/],
  [501, "LDR_SERVER_ERROR", /failed on/, /later/],
  [599, "LDR_SERVER_ERROR", /failed on/, /later/],
  [204, "LDR_BAD_RESPONSE", /^unexpected response for/, /address/],
  [302, "LDR_BAD_RESPONSE", /^unexpected response for/, /address/],
  [400, "LDR_BAD_RESPONSE", /^unexpected response for/, /address/],
  [418, "LDR_BAD_RESPONSE", /^unexpected response for/, /address/],
];

for (const [status, code, message, hint] of STATUSES) {
  Deno.test(`responseError of ${status} is ${code} with subject, host and hint`, async () => {
    const answer = response(status);
    const error = await errorOf(answer);
    assert.ok(hasCode(error, code));
    assert.match(error.message, message);
    assert.ok(
      error.message.endsWith(`reg.test:5000/app:v1: reg.test:5000 answered ${status}`),
      error.message,
    );
    assert.match(error.hint, hint);
    assert.equal(answer.isReleased, true);
  });
}

/** Status, `Retry-After`, and the ends of the message and the hint. */
const WAITS: [number, string, RegExp, RegExp][] = [
  [429, "3600", /answered 429 and asks to wait 1h$/, /^try again in 1h$/],
  [503, "90", /answered 503 and asks to wait 1m 30s$/, /^try again in 1m 30s$/],
  [429, "0", /answered 429$/, /larder login/],
  [429, "soon", /answered 429$/, /larder login/],
  [404, "3600", /answered 404$/, /spelling/],
];

for (const [status, header, message, hint] of WAITS) {
  Deno.test(`responseError of ${status} with Retry-After: ${header}`, async () => {
    const error = await errorOf(response(status, { "retry-after": header }));
    assert.match(error.message, message);
    assert.match(error.hint, hint);
  });
}

const document = (...errors: unknown[]) => JSON.stringify({ errors });

/** Name, body of a 404, and the part of it in the message. */
const DETAILS: [string, string, string][] = [
  [
    "code and message",
    document({ code: "X_UNKNOWN", message: "no such x" }),
    " (X_UNKNOWN: no such x)",
  ],
  ["the first of several errors", document({ code: "A" }, { code: "B" }), " (A)"],
  ["a message without a code", document({ message: "no" }), " (no)"],
  ["members of other types", document({ code: 7, message: ["x"] }), ""],
  ["an empty document", document(), ""],
  ["null as the first error", document(null), ""],
  ["another document", '{"error":"x"}', ""],
  ["a body of null", "null", ""],
  ["a body of a number", "7", ""],
  ["a web page", "<html>no</html>", ""],
  ["a truncated document", '{"errors":[{"code":"A"', ""],
  ["an empty body", "", ""],
  [
    "control characters",
    document({ code: "A\r\nerror: all is well", message: "\x1b[2Jx\u0007" }),
    " (A error: all is well:  [2Jx )",
  ],
  ["a very long message", document({ message: "x".repeat(100_000) }), ` (${"x".repeat(200)}…)`],
  ["a document past the limit", document({ message: "x".repeat(MAX_DOCUMENT) }), ""],
];

for (const [name, body, detail] of DETAILS) {
  Deno.test(`responseError quotes ${name}`, async () => {
    const answer = response(404, {}, body);
    const error = await errorOf(answer);
    assert.equal(
      error.message,
      `not found: reg.test:5000/app:v1: reg.test:5000 answered 404${detail}`,
    );
    assert.equal(answer.isReleased, true);
  });
}

Deno.test("responseError names the host after a redirect", async () => {
  const answer = Object.assign(response(403), { url: "https://cdn.test:8443/x?sig=secret" });
  const { message } = await errorOf(answer);
  assert.equal(message, "no access to reg.test:5000/app:v1: cdn.test:8443 answered 403");
});

Deno.test("responseError works without a body and with one that breaks off", async () => {
  const none = { ...response(500), body: null };
  assert.ok(hasCode(await errorOf(none as ReturnType<typeof response>), "LDR_SERVER_ERROR"));
  const body = new ReadableStream<Uint8Array>({ pull: (c) => c.error(new TypeError("reset")) });
  assert.ok(hasCode(await errorOf({ ...response(500), body }), "LDR_SERVER_ERROR"));
});

Deno.test("responseError ends when it is aborted", async () => {
  const stop = new AbortController();
  const body = new ReadableStream<Uint8Array>();
  const error = errorOf({ ...response(500), body }, stop.signal);
  stop.abort();
  await assert.rejects(error, (thrown) => hasCode(thrown, "LDR_INTERRUPTED"));
});
