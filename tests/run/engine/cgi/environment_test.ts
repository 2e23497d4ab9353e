import assert from "node:assert/strict";
import { cgiArguments, cgiVariables } from "../../../../src/run/engine/cgi/environment.ts";
import type { RequestHead } from "../../../../src/run/wasi/http/incoming.ts";

function head(path: string, headers: RequestHead["headers"] = []): RequestHead {
  return { method: "POST", path, scheme: "http", authority: "a.test:8080", headers };
}

Deno.test("cgiVariables has the variables of RFC 3875 and of Spin, and hides what it must", () => {
  const variables = cgiVariables(
    head("/api/a%20b/7?x=1&y", [
      ["authorization", "secret"],
      ["proxy", "http://evil.test"],
      ["content-type", "text/plain"],
      ["x-y", "1"],
      ["spin-path-info", "/7%20"],
      ["spin-matched-route", "/api/:name/..."],
      ["spin-client-addr", "[::1]:5000"],
      ["spin-path-match-name", "a%20b"],
    ]),
    12,
  );
  const expected = {
    HTTP_CONTENT_TYPE: "text/plain",
    HTTP_X_Y: "1",
    PATH_INFO: "/7%20",
    X_MATCHED_ROUTE: "/api/:name/...",
    X_CLIENT_ADDR: "[::1]:5000",
    X_PATH_MATCH_NAME: "a%20b",
    AUTH_TYPE: "",
    CONTENT_LENGTH: "12",
    CONTENT_TYPE: "text/plain",
    GATEWAY_INTERFACE: "CGI/1.1",
    PATH_TRANSLATED: "/7 ",
    QUERY_STRING: "x=1&y",
    REMOTE_ADDR: "::1",
    REMOTE_HOST: "::1",
    REMOTE_USER: "",
    REQUEST_METHOD: "POST",
    SCRIPT_NAME: "/api/:name",
    SERVER_NAME: "a.test",
    SERVER_PORT: "8080",
    SERVER_PROTOCOL: "HTTP/1.1",
    SERVER_SOFTWARE: "WAGI/1",
    X_RAW_PATH_INFO: "/7%20",
  };
  assert.deepEqual(Object.fromEntries(variables), expected);
  assert.equal(variables.length, Object.keys(expected).length);
});

for (
  const [template, path, expected] of [
    ["${SCRIPT_NAME} ${ARGS}", "/a?x=1&y=2", ["/a", "x=1", "y=2"]],
    ["${SCRIPT_NAME} ${ARGS}", "/a", ["/a", ""]],
    ["app -v ${ARGS}", "/a?${SCRIPT_NAME}$&", ["app", "-v", "${SCRIPT_NAME}$", ""]],
  ] as const
) {
  Deno.test(`cgiArguments of "${template}" for ${path} are ${expected.join(",")}`, () => {
    assert.deepEqual(cgiArguments(template, head(path)), expected);
  });
}
