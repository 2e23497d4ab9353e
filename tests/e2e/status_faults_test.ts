import assert from "node:assert/strict";
import { QuickUser } from "../support/cli/in_process.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { APP, faultTests, LAYER_PATH, MANIFEST } from "../support/registry/fault_cases.ts";
import {
  redirect,
  redirectLoop,
  resetAfter,
  status,
  tooManyRequests,
  withHeader,
} from "../support/registry/faults.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

faultTests("pull maps an error status to an exit code", [
  {
    name: "404 for a layer",
    on: LAYER_PATH,
    fault: status(404),
    code: 3,
    error: "LDR_NOT_FOUND",
  },
  {
    name: "401 without a challenge",
    on: MANIFEST,
    fault: status(401),
    code: 4,
    error: "LDR_UNAUTHORIZED",
  },
  {
    name: "401 with an unknown challenge",
    on: MANIFEST,
    fault: status(401, { "WWW-Authenticate": "Negotiate" }),
    code: 4,
    error: "LDR_UNAUTHORIZED",
  },
  { name: "403", on: MANIFEST, fault: status(403), code: 4, error: "LDR_FORBIDDEN" },
  { name: "403 for a layer", on: LAYER_PATH, fault: status(403), code: 4, error: "LDR_FORBIDDEN" },
  { name: "400", on: MANIFEST, fault: status(400), code: 1, error: "LDR_BAD_RESPONSE" },
  {
    name: "204 for a layer",
    on: LAYER_PATH,
    fault: status(204),
    code: 1,
    error: "LDR_BAD_RESPONSE",
  },
]);

faultTests("pull retries a busy server", [
  { name: "500, twice", on: MANIFEST, fault: status(500), times: 2, code: 0 },
  { name: "503, twice, for a layer", on: LAYER_PATH, fault: status(503), times: 2, code: 0 },
  { name: "408", on: MANIFEST, fault: status(408), times: 1, code: 0 },
  { name: "429", on: LAYER_PATH, fault: tooManyRequests(), times: 1, code: 0 },
  { name: "429 with Retry-After", on: MANIFEST, fault: tooManyRequests("1"), times: 1, code: 0 },
  {
    name: "429 with a date",
    on: MANIFEST,
    fault: tooManyRequests(new Date().toUTCString()),
    times: 1,
    code: 0,
  },
  {
    name: "503 with Retry-After",
    on: MANIFEST,
    fault: status(503, { "Retry-After": "0" }),
    times: 4,
    code: 0,
  },
  { name: "429 with nonsense", on: MANIFEST, fault: tooManyRequests("soon"), times: 1, code: 0 },
]);

faultTests("pull exits with 6 if a server stays busy", [
  { name: "500", on: MANIFEST, fault: status(500), code: 6, error: "LDR_SERVER_ERROR" },
  {
    name: "503 for a layer",
    on: LAYER_PATH,
    fault: status(503, { "Retry-After": "0" }),
    code: 6,
    error: "LDR_SERVER_ERROR",
  },
  { name: "429", on: MANIFEST, fault: tooManyRequests("0"), code: 6, error: "LDR_RATE_LIMITED" },
  {
    name: "429 that asks for an hour",
    on: LAYER_PATH,
    fault: tooManyRequests("3600"),
    code: 6,
    error: "LDR_RATE_LIMITED",
  },
]);

faultTests("pull rejects a redirect that it cannot follow", [
  { name: "a loop", on: LAYER_PATH, fault: redirectLoop, code: 1, error: "LDR_REDIRECT" },
  {
    name: "a loop at the manifest",
    on: MANIFEST,
    fault: redirectLoop,
    code: 1,
    error: "LDR_REDIRECT",
  },
  {
    name: "a file: URL",
    on: LAYER_PATH,
    fault: redirect("file:///etc", "/passwd"),
    code: 1,
    error: "LDR_REDIRECT",
  },
  {
    name: "an invalid URL",
    on: LAYER_PATH,
    fault: redirect("http://", "["),
    code: 1,
    error: "LDR_REDIRECT",
  },
]);

Deno.test("pull tries a busy server five times", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  registry.fail("manifests", status(503, { "Retry-After": "0" }));
  const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
  assert.equal(result.code, 6, result.stderr);
  assert.equal(registry.requests("manifests").length, 5);
});

Deno.test("pull takes a header that no HTTP client accepts for a bad answer, and asks once", async (t) => {
  for (const on of ["manifests", "blobs"]) {
    await t.step(on, async () => {
      await using registry = await TestRegistry.start();
      using user = new TestUser();
      registry.fail(on === "blobs" ? LAYER_PATH : on, withHeader("X Bad", "1"));
      const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
      assert.equal(result.code, 1, result.stderr);
      assert.match(result.stderr, /^error: bad answer of \S+: .*header.* \[LDR_BAD_RESPONSE\]$/m);
      assert.equal(registry.requests(on === "blobs" ? LAYER_PATH : on).length, 1);
    });
  }
});

Deno.test("pull tells how long a registry asks to wait", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  registry.fail("manifests", tooManyRequests("3600"));
  const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
  assert.equal(result.code, 6, result.stderr);
  assert.match(result.stderr, /answered 429 \(.*\) and asks to wait 1h \[LDR_RATE_LIMITED\]\n/);
  assert.match(result.stderr, /^hint: try again in 1h$/m);
  assert.equal(registry.requests("manifests").length, 1);
});

Deno.test("pull does not retry a permanent error", async (t) => {
  for (const code of [400, 403, 404, 501]) {
    await t.step(String(code), async () => {
      await using registry = await TestRegistry.start();
      using user = new QuickUser();
      registry.fail(LAYER_PATH, status(code));
      const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
      assert.notEqual(result.code, 0);
      assert.equal(registry.requests(LAYER_PATH).length, 1);
    });
  }
});

Deno.test("pull --verbose prints the causes of an error", async () => {
  await using registry = await TestRegistry.start();
  using user = new QuickUser();
  registry.fail(MANIFEST, resetAfter(0));
  const result = await user.larder(["pull", "--verbose", registry.add("app", APP, "v1")]);
  assert.equal(result.code, 6);
  assert.match(result.stderr, /^cause: /m);
});

Deno.test("pull prints a registry's error text on one line without control characters", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const text = "quota \u001b[31mgone\nerror: forged [LDR_X]";
  const document = JSON.stringify({ errors: [{ code: "DENIED", message: text }] });
  registry.fail(
    MANIFEST,
    (answer) => ({ ...answer, status: 403, body: new TextEncoder().encode(document) }),
  );
  const result = await user.larder(["pull", registry.add("app", APP, "v1")]);
  assert.equal(result.code, 4);
  assert.equal(result.stderr.trimEnd().split("\n").length, 2, result.stderr);
  assert.match(result.stderr, /DENIED: quota/);
  assert.ok(!result.stderr.includes("\u001b"));
});
