import assert from "node:assert/strict";
import { type ErrorCode, hasCode } from "../../../src/base/errors.ts";
import { lockedTrigger, spinApp } from "../../support/cache/locked_apps.ts";

const read = (config: Record<string, unknown>, members: Record<string, unknown> = {}) =>
  spinApp({ triggers: [lockedTrigger(config, members)] }).httpTriggers;

for (const executor of [undefined, null, { type: "http" }, { type: "spin" }]) {
  Deno.test(`readHttpTrigger accepts a component with the executor ${JSON.stringify(executor)}`, () => {
    assert.deepEqual(read({ component: "cart", route: "/a", executor }), [
      { id: "trigger", route: "/a", target: { kind: "component", component: "cart" } },
    ]);
  });
}

Deno.test("readHttpTrigger accepts the executor Wagi, with arguments and without", () => {
  const argv = (executor: Record<string, unknown>) => {
    const [trigger] = read({ component: "cart", route: "/a", executor });
    return trigger?.target.kind === "component" && trigger.target.cgiArgv;
  };
  assert.equal(argv({ type: "wagi", argv: "app ${ARGS}" }), "app ${ARGS}");
  assert.equal(argv({ type: "wagi", entrypoint: "_start" }), "${SCRIPT_NAME} ${ARGS}");
});

Deno.test("readHttpTrigger accepts a static response instead of a component", () => {
  const response = { status_code: 302, headers: { location: "/b" } };
  assert.deepEqual(read({ component: null, static_response: response, route: "/a" })[0]?.target, {
    kind: "response",
    response: { status: 302, headers: new Map([["location", "/b"]]), body: "" },
  });
  assert.deepEqual(read({ static_response: { body: "hi" }, route: "/a" })[0]?.target, {
    kind: "response",
    response: { status: 200, headers: new Map(), body: "hi" },
  });
});

const REFUSED: [string, ErrorCode, Record<string, unknown>, RegExp, Record<string, unknown>?][] = [
  [
    "an executor that larder does not know",
    "LDR_UNSUPPORTED_WASM",
    { component: "cart", route: "/", executor: { type: "fast" } },
    /"trigger" uses the executor "fast"/,
  ],
  [
    "an option that larder does not know",
    "LDR_UNSUPPORTED_WASM",
    { component: "cart", route: "/", constructor: "required" },
    /the option "constructor"/,
  ],
  [
    "middleware",
    "LDR_UNSUPPORTED_WASM",
    { component: "cart", route: "/" },
    /has middleware/,
    { trigger_dependencies: { middleware: [{ source: {} }] } },
  ],
  [
    "a header with an invalid name",
    "LDR_BAD_MANIFEST",
    { static_response: { headers: { "x-good": "a", "x bad": "b" } }, route: "/" },
    /"trigger" has the header "x bad", which/,
  ],
  [
    "a header with an invalid value",
    "LDR_BAD_MANIFEST",
    { static_response: { headers: { "x-bad": "a\nb" } }, route: "/" },
    /the header "x-bad"/,
  ],
  ["no route", "LDR_BAD_MANIFEST", { component: "cart" }, /triggers\.trigger\.route/],
  [
    "a route with private: false",
    "LDR_BAD_MANIFEST",
    { component: "cart", route: { private: false } },
    /route: neither a route nor \{ private: true \}/,
  ],
  [
    "a component that the app does not have",
    "LDR_BAD_MANIFEST",
    { component: "basket", route: "/" },
    /the component "basket", which the app does not have/,
  ],
  ["neither component nor response", "LDR_BAD_MANIFEST", { route: "/" }, /has neither of/],
  [
    "component and response",
    "LDR_BAD_MANIFEST",
    { route: "/", component: "cart", static_response: {} },
    /has both of/,
  ],
  [
    "a response with an invalid status",
    "LDR_BAD_MANIFEST",
    { route: "/", static_response: { status_code: 99 } },
    /status_code/,
  ],
];

for (const [name, code, config, reason, members] of REFUSED) {
  Deno.test(`readHttpTrigger refuses a trigger with ${name}`, () => {
    assert.throws(
      () => read(config, members),
      (error) => hasCode(error, code) && reason.test(error.message),
    );
  });
}

Deno.test("readHttpTrigger refuses a trigger without configuration", () => {
  assert.throws(
    () => spinApp({ triggers: [{ id: "t", trigger_type: "http", trigger_config: null }] }),
    (error) => hasCode(error, "LDR_BAD_MANIFEST") && error.message.includes("triggers.t"),
  );
});
