import assert from "node:assert/strict";
import { Denials } from "../../../../src/run/grants/denials.ts";
import { parseHostRule, parseOutboundRule } from "../../../../src/run/grants/outbound_rule.ts";
import { OutgoingBody } from "../../../../src/run/wasi/http/bodies.ts";
import { HttpClient } from "../../../../src/run/wasi/http/client.ts";
import { Fields } from "../../../../src/run/wasi/http/fields.ts";
import { IncomingResponse } from "../../../../src/run/wasi/http/incoming.ts";
import { OutgoingRequest } from "../../../../src/run/wasi/http/outgoing.ts";
import type { ErrorCode } from "../../../../src/run/wasi/http/types.ts";
import { HttpServer, textAnswer } from "../../../support/registry/http_server.ts";
import {
  HttpCaller,
  startEcho,
  statusAndBody,
  textToEnd,
} from "../../../support/wasm/http_caller.ts";
import { textOf, wasiError } from "../../../support/wasm/streams.ts";

Deno.test("outgoing-handler sends method, path, headers and body", async () => {
  await using server = startEcho();
  using caller = new HttpCaller();
  const answer = await caller.call({
    method: "POST",
    authority: `127.0.0.1:${server.addr.port}`,
    path: "/a/b?c=d",
    headers: [["x-a", "1"], ["x-a", "2"], ["content-type", "text/x"]],
    write(body) {
      const stream = body.write();
      stream.write(new TextEncoder().encode("one "));
      stream.write(new TextEncoder().encode("two"));
      OutgoingBody.finish(body, undefined);
    },
  });
  assert.equal(await statusAndBody(answer), "200 POST /a/b?c=d one two");
  const sent = (answer as IncomingResponse).headers().get("x-received").map(textOf).join();
  const headers = new Map<string, string>(JSON.parse(sent));
  assert.equal(headers.get("x-a"), "1, 2");
  assert.equal(headers.get("content-type"), "text/x");
  assert.equal(headers.get("accept-encoding"), undefined);
  assert.deepEqual(caller.denials, []);
});

Deno.test("outgoing-handler sends requests without a body and with an empty one", async () => {
  await using server = startEcho();
  using caller = new HttpCaller();
  const authority = `127.0.0.1:${server.addr.port}`;
  for (const method of ["GET", "POST", "PROPFIND"]) {
    const plain = await caller.call({ method, authority });
    assert.equal(await statusAndBody(plain), `200 ${method} / `);
    const empty = await caller.call({
      method,
      authority,
      write: (body) => OutgoingBody.finish(body, undefined),
    });
    assert.equal(await statusAndBody(empty), `200 ${method} / `);
  }
});

Deno.test("outgoing-handler streams the response's body and does not follow redirects", async () => {
  const more = Promise.withResolvers<void>();
  await using server = await HttpServer.start(() => ({
    ...textAnswer(302, "onetwo", { Location: "/elsewhere" }),
    send: async (wire, body) => {
      await wire.write(body.subarray(0, 3));
      await more.promise;
      await wire.write(body.subarray(3));
    },
  }));
  using caller = new HttpCaller();
  const answer = await caller.call({ authority: server.host });
  assert(answer instanceof IncomingResponse);
  assert.equal(answer.status(), 302);
  const stream = answer.consume().stream();
  assert.equal(textOf(await stream.blockingRead(99n)), "one");
  assert.equal(stream.subscribe().ready(), false);
  more.resolve();
  assert.equal(await textToEnd(stream), "two");
  assert.equal(server.requests().length, 1);
});

Deno.test("outgoing-handler denies a host that is not allowed, without a connection", async () => {
  await using server = await HttpServer.start(() => textAnswer(200, ""));
  using caller = new HttpCaller({ allowedHosts: [parseHostRule("example.com")] });
  assert.throws(
    () => caller.start({ authority: server.host }),
    wasiError((payload) => (payload as ErrorCode).tag === "HTTP-request-denied"),
  );
  assert.deepEqual(caller.denials, [
    `refused to connect to ${server.host}: allow it with --allow-net=${server.host}`,
  ]);
  assert.deepEqual(server.requests(), []);
});

Deno.test("outgoing-handler sends requests to self to the address where the app listens", async () => {
  await using server = startEcho();
  const self = `http://127.0.0.1:${server.addr.port}`;
  using caller = new HttpCaller({ allowedHosts: [parseOutboundRule("http://self")], self });
  for (const asked of [{ path: "/x?y" }, { authority: "self.alt", path: "/x?y" }]) {
    assert.equal(await statusAndBody(await caller.call(asked)), "200 GET /x?y ");
  }
  using ungranted = new HttpCaller({ allowedHosts: [], self });
  assert.throws(() => ungranted.start({ path: "/x" }));
  using withoutServer = new HttpCaller({ allowedHosts: [parseOutboundRule("http://self")] });
  assert.throws(
    () => withoutServer.start({ path: "/x" }),
    wasiError((payload) => (payload as ErrorCode).tag === "HTTP-request-URI-invalid"),
  );
});

Deno.test("outgoing-handler rejects other schemes than HTTP and HTTPS", () => {
  using caller = new HttpCaller();
  const request = new OutgoingRequest(new Fields());
  request.setScheme({ tag: "other", val: "ftp" });
  request.setAuthority("127.0.0.1");
  const client = new HttpClient(
    { allowedHosts: [parseHostRule("*")] },
    new Denials("options", () => {}),
    caller.resources,
  );
  assert.throws(
    () => client.handle(OutgoingRequest.parts(request), undefined),
    wasiError((payload) => (payload as ErrorCode).tag === "HTTP-protocol-error"),
  );
});
