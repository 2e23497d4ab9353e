import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import { parseSpinApp, unsupportedTriggers } from "../../../src/run/spin/app.ts";
import { digestOf, utf8 } from "../../support/cache/artifacts.ts";
import {
  lockedApp,
  lockedComponent,
  lockedTrigger,
  spinApp,
  SUBJECT,
} from "../../support/cache/locked_apps.ts";

const digest = (text: string) => digestOf(utf8(text));

Deno.test("parseSpinApp reads name, variables, triggers and components", () => {
  const app = spinApp({
    variables: {
      greeting: { default: "hi" },
      token: { secret: true, description: "of the API" },
      gone: { default: null, secret: false },
    },
    triggers: [
      lockedTrigger({ component: "cart", route: "/cart", executor: { type: "http" } }, { id: "a" }),
      lockedTrigger({ component: "cart", route: { private: true } }, { id: "b" }),
    ],
    components: [
      lockedComponent("cart", {
        files: [{ path: "logo.png", digest: digest("logo"), source: "file:///x" }],
        env: { MODE: "{{ not a template }}" },
        config: { key: "{{ token }}" },
        metadata: {
          build: { command: "make" },
          allowed_outbound_hosts: ["https://example.com"],
          allowed_http_hosts: ["example.org"],
          key_value_stores: ["default"],
          databases: ["main"],
        },
        dependencies: { "a:b/c": { source: { digest: digest("dependency") }, export: null } },
      }),
    ],
  });
  assert.equal(app.name, "shop");
  assert.equal(app.basePath, "/");
  assert.deepEqual([...app.variables], [
    ["greeting", { default: "hi", secret: false }],
    ["token", { secret: true }],
    ["gone", { default: undefined, secret: false }],
  ]);
  const target = { kind: "component", component: "cart" };
  assert.deepEqual(app.httpTriggers, [
    { id: "a", route: "/cart", target },
    { id: "b", route: undefined, target },
  ]);
  assert.deepEqual(app.components.get("cart"), {
    id: "cart",
    digest: digest("cart"),
    files: [{ path: "logo.png", digest: digest("logo") }],
    env: new Map([["MODE", "{{ not a template }}"]]),
    config: new Map([["key", "{{ token }}"]]),
    allowedOutboundHosts: ["https://example.com"],
    allowedHttpHosts: ["example.org"],
    keyValueStores: ["default"],
    databases: ["main"],
    dependencies: ["a:b/c"],
  });
});

Deno.test("parseSpinApp reads an app with the fewest members and names it by its subject", () => {
  const source = { digest: digest("x") };
  const app = parseSpinApp(
    utf8(JSON.stringify({
      spin_lock_version: 1,
      triggers: [],
      components: [{ id: "x", source }],
    })),
    SUBJECT,
  );
  assert.equal(app.name, SUBJECT);
  assert.deepEqual(app.httpTriggers, []);
  assert.deepEqual(unsupportedTriggers(app), []);
  assert.deepEqual([...app.components.get("x")!.env], []);
});

Deno.test("parseSpinApp accepts names such as constructor and __proto__", () => {
  const json = JSON.stringify(lockedApp({
    variables: { constructor: { default: "a" } },
    components: [lockedComponent("cart", { env: { toString: "b" }, config: {} })],
  })).replace('"config":{}', '"config":{"__proto__":"c"}');
  const app = parseSpinApp(utf8(json), SUBJECT);
  assert.equal(app.variables.get("constructor")?.default, "a");
  assert.equal(app.components.get("cart")?.env.get("toString"), "b");
  assert.equal(app.components.get("cart")?.config.get("__proto__"), "c");
});

const BASES: [string, unknown, string][] = [
  ["Spin 2 writes it by the type of trigger", { triggers: { http: { base: "/shop" } } }, "/shop"],
  ["Spin 1 writes it for its only trigger", { trigger: { type: "http", base: "/old" } }, "/old"],
  [
    "both forms are there",
    { triggers: { http: { base: "/shop" } }, trigger: { type: "http", base: "/shop" } },
    "/shop",
  ],
  ["only another type of trigger has one", { trigger: { type: "redis", base: "/no" } }, "/"],
  ["there is none", {}, "/"],
  ["members are null", { triggers: null, trigger: null, name: null }, "/"],
];

for (const [name, metadata, base] of BASES) {
  Deno.test(`parseSpinApp reads the base path ${base} if ${name}`, () => {
    assert.equal(spinApp({ metadata }).basePath, base);
  });
}

Deno.test("unsupportedTriggers returns the types of other triggers, each once", () => {
  const other = (id: string, type: string) => ({
    id,
    trigger_type: type,
    trigger_config: { component: "unknown", channel: "c" },
  });
  const app = spinApp({
    triggers: [
      other("a", "redis"),
      lockedTrigger({ component: "cart", route: "/" }),
      other("b", "cron"),
      other("c", "redis"),
    ],
  });
  assert.deepEqual(unsupportedTriggers(app), ["redis", "cron"]);
  assert.deepEqual(app.otherTriggers.map(({ id }) => id), ["a", "b", "c"]);
  assert.equal(app.httpTriggers.length, 1);
});

Deno.test("parseSpinApp ignores optional host requirements", () => {
  const app = spinApp({
    spin_lock_version: 1,
    must_understand: ["host_requirements", "component_host_requirements"],
    host_requirements: { local_service_chaining: "optional", telepathy: "optional" },
    components: [lockedComponent("cart", { host_requirements: { telepathy: "optional" } })],
  });
  assert.equal(app.name, "shop");
});

const chaining = { local_service_chaining: "required" };
const UNSUPPORTED: [string, Record<string, unknown>, RegExp][] = [
  ["a newer version", { spin_lock_version: 2 }, /version 2/],
  ["an unknown must_understand", { must_understand: ["teleport"] }, /understands teleport$/],
  [
    "service chaining",
    { host_requirements: chaining },
    /local_service_chaining \(components that call each other at \*\.spin\.internal\)/,
  ],
  [
    "service chaining of a component",
    { components: [lockedComponent("cart", { host_requirements: chaining })] },
    /local_service_chaining/,
  ],
  ["an unknown requirement", { host_requirements: { gpu: "required" } }, /it needs gpu$/],
  ["a requirement with a value of its own", { host_requirements: { gpu: { memory: 8 } } }, /gpu$/],
];

for (const [name, members, reason] of UNSUPPORTED) {
  Deno.test(`parseSpinApp refuses an app that needs ${name} and names --engine spin`, () => {
    assert.throws(
      () => spinApp(members),
      (error) =>
        hasCode(error, "LDR_UNSUPPORTED_WASM") && reason.test(error.message) &&
        error.message.includes(SUBJECT) && error.hint.includes("--engine spin"),
    );
  });
}

const BAD: [string, Record<string, unknown>, RegExp][] = [
  ["no triggers", { triggers: undefined }, /triggers/],
  ["a trigger without an id", { triggers: [{ trigger_type: "http" }] }, /triggers\.0\.id/],
  ["variables in a list", { variables: [] }, /variables: not an object/],
  ["a variable that is a string", { variables: { a: "b" } }, /variables\.a/],
  ["an environment of numbers", {
    components: [lockedComponent("cart", { env: { A: 1 } })],
  }, /components\.0\.env\.A/],
  ["hosts that are one string", {
    components: [lockedComponent("cart", { metadata: { allowed_outbound_hosts: "*://*:*" } })],
  }, /allowed_outbound_hosts/],
  ["two components of one name", {
    components: [lockedComponent("cart"), lockedComponent("cart")],
  }, /two components are named "cart"/],
  ["a component without a digest", {
    components: [lockedComponent("cart", { source: { inline: "AGFzbQ" } })],
  }, /"cart" has no digest/],
];

for (const [name, members, reason] of BAD) {
  Deno.test(`parseSpinApp refuses an app with ${name}`, () => {
    assert.throws(
      () => spinApp(members),
      (error) =>
        hasCode(error, "LDR_BAD_MANIFEST") && reason.test(error.message) &&
        error.message.includes(SUBJECT),
    );
  });
}

Deno.test("parseSpinApp refuses documents that are not locked apps", () => {
  for (const text of ["", "<html>", "null", "[]", '{"architecture":"amd64"}']) {
    assert.throws(
      () => parseSpinApp(utf8(text), SUBJECT),
      (error) => hasCode(error, "LDR_BAD_MANIFEST"),
    );
  }
});
