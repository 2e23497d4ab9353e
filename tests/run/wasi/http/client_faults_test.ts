import assert from "node:assert/strict";
import { parseHostRule } from "../../../../src/run/grants/outbound_rule.ts";
import type { IncomingResponse } from "../../../../src/run/wasi/http/incoming.ts";
import { RequestOptions } from "../../../../src/run/wasi/http/outgoing.ts";
import { type ErrorCode, httpErrorCode } from "../../../../src/run/wasi/http/types.ts";
import type { IoError } from "../../../../src/run/wasi/io/error.ts";
import { collectGarbage } from "../../../support/collect_garbage.ts";
import { HttpServer, textAnswer } from "../../../support/registry/http_server.ts";
import { HttpCaller, startEcho, statusAndBody } from "../../../support/wasm/http_caller.ts";
import { closedPort } from "../../../support/wasm/loopback.ts";
import { streamError, wasiError } from "../../../support/wasm/streams.ts";

function failedWith(tag: string): (error: unknown) => boolean {
  return wasiError((payload) => {
    const { val } = payload as { val: IoError };
    return httpErrorCode(val)?.tag === tag;
  });
}

Deno.test("outgoing-handler maps failed connections to their error codes", async () => {
  using caller = new HttpCaller({ allowedHosts: [parseHostRule("*")] });
  assert.deepEqual(await caller.call({ authority: `127.0.0.1:${closedPort()}` }), {
    tag: "connection-refused",
  });
  assert.deepEqual(await caller.call({ authority: "name.invalid" }), {
    tag: "DNS-error",
    val: {},
  });
  await using server = await HttpServer.start(() => textAnswer(200, "x"));
  assert.deepEqual(await caller.call({ authority: server.host, scheme: "HTTPS" }), {
    tag: "TLS-protocol-error",
  });
  assert.deepEqual(await caller.call({ authority: server.host, method: "CONNECT" }), {
    tag: "HTTP-request-method-invalid",
  });
});

Deno.test("outgoing-handler maps a closed connection and a response that is not HTTP to error codes", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using caller = new HttpCaller();
  for (
    const [text, tag] of [
      ["", "connection-terminated"],
      ["nonsense\r\n\r\n", "HTTP-protocol-error"],
      ["HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", "HTTP-protocol-error"],
    ] as const
  ) {
    const answer = caller.call({ authority: `127.0.0.1:${listener.addr.port}` });
    using connection = await listener.accept();
    await connection.read(new Uint8Array(1000));
    await connection.write(new TextEncoder().encode(text));
    connection.closeWrite();
    assert.deepEqual(await answer, { tag });
  }
});

Deno.test("outgoing-handler fails the body of a response that is cut off", async () => {
  await using server = await HttpServer.start(() => ({
    ...textAnswer(200, "onetwo"),
    send: async (wire, body) => {
      await wire.write(body.subarray(0, 3));
      wire.reset();
    },
  }));
  using caller = new HttpCaller();
  const answer = await caller.call({ authority: server.host });
  const stream = (answer as IncomingResponse).consume().stream();
  await assert.rejects(async () => {
    for (;;) await stream.blockingRead(99n);
  }, streamError("last-operation-failed"));
});

/** Returns options with the given timeouts, in milliseconds. */
function timeouts(times: { first?: number; between?: number; connect?: number }): RequestOptions {
  const options = new RequestOptions();
  const nanoseconds = (time?: number) => time === undefined ? undefined : BigInt(time) * 1_000_000n;
  options.setFirstByteTimeout(nanoseconds(times.first));
  options.setBetweenBytesTimeout(nanoseconds(times.between));
  options.setConnectTimeout(nanoseconds(times.connect));
  return options;
}

Deno.test("outgoing-handler applies first-byte-timeout", async () => {
  const never = Promise.withResolvers<void>();
  await using server = await HttpServer.start(async () => {
    await never.promise;
    return textAnswer(200, "");
  });
  using caller = new HttpCaller();
  const options = timeouts({ first: 20, connect: 5 });
  assert.deepEqual(await caller.call({ authority: server.host, options }), {
    tag: "connection-read-timeout",
  });
  never.resolve();
});

Deno.test("outgoing-handler applies between-bytes-timeout", async () => {
  const never = Promise.withResolvers<void>();
  await using server = await HttpServer.start(() => ({
    ...textAnswer(200, "onetwo"),
    send: async (wire, body) => {
      await wire.write(body.subarray(0, 3));
      await never.promise;
    },
  }));
  using caller = new HttpCaller();
  const options = timeouts({ first: 10_000, between: 20 });
  const answer = await caller.call({ authority: server.host, options });
  const stream = (answer as IncomingResponse).consume().stream();
  await assert.rejects(async () => {
    for (;;) await stream.blockingRead(99n);
  }, failedWith("connection-read-timeout"));
  never.resolve();
});

Deno.test("outgoing-handler aborts a request whose body is truncated", async () => {
  await using server = startEcho();
  using caller = new HttpCaller();
  const answer = await caller.call({
    method: "POST",
    authority: `127.0.0.1:${server.addr.port}`,
    write(body) {
      body.write().write(new TextEncoder().encode("part"));
      body[Symbol.dispose]();
    },
  });
  assert.equal((answer as ErrorCode).tag, "internal-error");
});

Deno.test("outgoing-handler fails a write to the body of a GET", async () => {
  await using server = startEcho();
  using caller = new HttpCaller();
  let written: Promise<void> | undefined;
  const answer = await caller.call({
    authority: `127.0.0.1:${server.addr.port}`,
    write(body) {
      const stream = body.write();
      written = assert.rejects(
        stream.blockingWriteAndFlush(new Uint8Array(3)),
        streamError("last-operation-failed"),
      );
    },
  });
  await written;
  assert.equal(await statusAndBody(answer), "200 GET / ");
});

Deno.test("outgoing-handler aborts requests at the end of the instance, before and after the head", async () => {
  const never = Promise.withResolvers<void>();
  await using server = await HttpServer.start(async ({ path }) => {
    if (path === "/head") await never.promise;
    return { ...textAnswer(200, "x"), send: () => never.promise };
  });
  const caller = new HttpCaller();
  const waiting = caller.start({ authority: server.host, path: "/head" });
  const answer = await caller.call({ authority: server.host, path: "/body" });
  const read = assert.rejects(
    (answer as IncomingResponse).consume().stream().blockingRead(1n),
    failedWith("connection-terminated"),
  );
  caller[Symbol.dispose]();
  await waiting.subscribe().block();
  const ended = { tag: "err", val: { tag: "connection-terminated" } };
  assert.deepEqual(waiting.get(), { tag: "ok", val: ended });
  await read;
  never.resolve();
});

// Deno's fetch holds the signal that aborts a response only weakly.
for (
  const [how, tag, end] of [
    ["times out", "connection-read-timeout", () => {}],
    [
      "ends with its instance",
      "connection-terminated",
      (caller: HttpCaller) => caller[Symbol.dispose](),
    ],
  ] as const
) {
  Deno.test(`outgoing-handler aborts a response that ${how} after a garbage collection`, async () => {
    const never = Promise.withResolvers<void>();
    await using server = await HttpServer.start(() => ({
      ...textAnswer(200, "x"),
      send: () => never.promise,
    }));
    using caller = new HttpCaller();
    const options = timeouts({ between: 200 });
    const answer = await caller.call({ authority: server.host, options });
    collectGarbage();
    const read = (answer as IncomingResponse).consume().stream().blockingRead(1n);
    end(caller);
    await assert.rejects(read, failedWith(tag));
    never.resolve();
  });
}

Deno.test("outgoing-handler cancels a response whose body is dropped", async () => {
  const closed = Promise.withResolvers<void>();
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
      cancel: () => closed.resolve(),
    });
    return new Response(body);
  });
  using caller = new HttpCaller();
  const answer = await caller.call({ authority: `127.0.0.1:${server.addr.port}` });
  const body = (answer as IncomingResponse).consume();
  await body.stream().blockingRead(1n);
  body[Symbol.dispose]();
  await closed.promise;
});
