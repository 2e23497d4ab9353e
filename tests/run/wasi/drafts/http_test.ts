import assert from "node:assert/strict";
import { draftImports } from "../../../../src/run/wasi/drafts/imports.ts";
import { hostImports } from "../../../../src/run/wasi/host.ts";
import { InstanceResources } from "../../../../src/run/wasi/resources.ts";
import { DRAFT_INTERFACES } from "../../../../src/run/wasm/interfaces/draft_interfaces.ts";
import { utf8 } from "../../../support/cache/artifacts.ts";
import { GuestHost } from "../../../support/wasm/guest_host.ts";
import { wasiError } from "../../../support/wasm/streams.ts";

// deno-lint-ignore no-explicit-any
const imports: Record<string, any> = draftImports(
  hostImports(new GuestHost().host, new InstanceResources()),
);
const OCTOBER = "@0.2.0-rc-2023-10-18";
const NOVEMBER = "@0.2.0-rc-2023-11-10";

Deno.test("draftImports has every interface of the drafts that components may import", () => {
  const missing = DRAFT_INTERFACES.filter((name) => typeof imports[name] !== "object");
  assert.deepEqual(missing, []);
});

Deno.test("the draft of October makes fields of a list, and messages of their parts", () => {
  const types = imports[`wasi:http/types${OCTOBER}`];
  const fields = new types.Fields([["a", utf8("1")]]);
  assert.ok(fields instanceof types.Fields);
  assert.deepEqual(fields.entries(), [["a", utf8("1")]]);
  const response = new types.OutgoingResponse(201, fields);
  assert.equal(response.statusCode(), 201);
  assert.ok(response.write() instanceof types.OutgoingBody);
  fields.append("b", utf8("2"));
  const request = new types.OutgoingRequest({ tag: "post" }, "/x", undefined, "a.b", fields);
  assert.deepEqual(
    [request.method(), request.pathWithQuery(), request.authority()],
    [{ tag: "post" }, "/x", "a.b"],
  );
});

Deno.test("the draft of October reports a refused request with its own error", () => {
  const types = imports[`wasi:http/types${OCTOBER}`];
  const request = new types.OutgoingRequest(
    { tag: "get" },
    "/",
    { tag: "HTTP" },
    "a.b",
    new types.Fields([]),
  );
  const { handle } = imports[`wasi:http/outgoing-handler${OCTOBER}`];
  const options = { connectTimeoutMs: 5, firstByteTimeoutMs: undefined };
  assert.throws(
    () => handle(request, options),
    wasiError((payload) => (payload as { tag: string }).tag === "unexpected-error"),
  );
});

Deno.test("the draft of October waits for an instant and for a duration", async () => {
  const { now, subscribe } = imports[`wasi:clocks/monotonic-clock${OCTOBER}`];
  const { pollList, pollOne } = imports[`wasi:io/poll${OCTOBER}`];
  const [past, later] = [subscribe(now(), true), subscribe(10n ** 12n, false)];
  assert.deepEqual([...await pollList([past, later])], [0]);
  await pollOne(past);
  later[Symbol.dispose]();
});

Deno.test("the draft of November has timeouts in milliseconds, and no trailers", () => {
  const types = imports[`wasi:http/types${NOVEMBER}`];
  const options = new types.RequestOptions();
  options.setFirstByteTimeoutMs(7n);
  assert.deepEqual([options.firstByteTimeoutMs(), options.firstByteTimeout()], [7n, 7_000_000n]);
  assert.deepEqual(new types.FutureTrailers(undefined).get(), { tag: "ok", val: undefined });
});
