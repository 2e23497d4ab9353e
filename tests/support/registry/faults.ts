import { gzipSync } from "node:zlib";
import type { Gate } from "../gate.ts";
import { failure } from "./test_registry.ts";
import { type Answer, type Request, textAnswer, type Wire } from "./http_server.ts";

/** Turns a good response into a bad one. */
export type Fault = (answer: Answer, request: Request) => Answer | Promise<Answer>;

/** An error status with a registry's error document. */
export function status(code: number, headers: Record<string, string> = {}): Fault {
  return () => failure(code, "FAULT", `scripted ${code}`, headers);
}

/** 429, with `Retry-After` if given. */
export function tooManyRequests(retryAfter?: string): Fault {
  return status(429, retryAfter === undefined ? {} : { "Retry-After": retryAfter });
}

/** A web page with 200, as captive portals and mistyped addresses return. */
export const html: Fault = () =>
  textAnswer(200, "<!DOCTYPE html><title>Sign in</title>", { "Content-Type": "text/html" });

/** Another body with the same status and headers: wrong bytes for a digest, or a bad manifest. */
export function body(bytes: Uint8Array | string, headers: Record<string, string> = {}): Fault {
  const content = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  return (answer) => ({ ...answer, headers: { ...answer.headers, ...headers }, body: content });
}

/** Wrong bytes of the right length. */
export const wrongBytes: Fault = (answer) => ({
  ...answer,
  body: answer.body.map((byte) => byte ^ 0xff),
});

/** A body that ends early, with a `Content-Length` that fits. */
export function shortBody(length: number): Fault {
  return (answer) => ({ ...answer, body: answer.body.subarray(0, length) });
}

/** A body with extra bytes, with a `Content-Length` that fits. */
export function longBody(extra: Uint8Array): Fault {
  return (answer) => ({ ...answer, body: new Uint8Array([...answer.body, ...extra]) });
}

/** A body that ends early, without a `Content-Length`. */
export function shortChunks(length: number): Fault {
  return chunked(async (send, body) => {
    await send(body.subarray(0, length));
    await send(new Uint8Array());
  });
}

/** An endless body without a `Content-Length`. */
export const endlessBody: Fault = chunked(async (send, body, wire) => {
  await send(body);
  while (wire.isOpen) await send(new Uint8Array(64 * 1024));
});

/** A body in chunked transfer coding (RFC 9112); an empty chunk ends it. */
function chunked(
  write: (
    send: (bytes: Uint8Array) => Promise<void>,
    body: Uint8Array,
    wire: Wire,
  ) => Promise<void>,
): Fault {
  return (answer) => ({
    ...answer,
    headers: { ...answer.headers, "Transfer-Encoding": "chunked" },
    async send(wire, body) {
      const encoder = new TextEncoder();
      const send = (bytes: Uint8Array) => {
        const size = encoder.encode(`${bytes.length.toString(16)}\r\n`);
        return wire.write(new Uint8Array([...size, ...bytes, 13, 10]));
      };
      await write(send, body, wire);
    },
  });
}

/** Announces the whole length, and closes the connection after `length` bytes. */
export function truncatedAfter(length: number): Fault {
  return cut(length, (wire) => wire.close());
}

/** Announces the whole length, and resets the connection after `length` bytes. */
export function resetAfter(length: number): Fault {
  return cut(length, (wire) => wire.reset());
}

/** Sends `length` bytes, and the rest once the gate is opened. */
export function heldAfter(length: number, gate: Gate): Fault {
  return (answer) => ({
    ...answer,
    async send(wire, body) {
      await wire.write(body.subarray(0, length));
      await gate.pass();
      await wire.write(body.subarray(length));
    },
  });
}

/** Sends the response once the gate is opened. */
export function held(gate: Gate): Fault {
  return async (answer) => {
    await gate.pass();
    return answer;
  };
}

/** A body in gzip with its `Content-Encoding`, as a compressing proxy sends it. */
export const gzipEncoded: Fault = (answer) => ({
  ...answer,
  headers: { ...answer.headers, "Content-Encoding": "gzip" },
  body: new Uint8Array(gzipSync(answer.body)),
});

/** Redirects to the same path at another host, or to another path if given. */
export function redirect(origin: string, path?: string): Fault {
  return (_, request) => textAnswer(307, "", { Location: `${origin}${path ?? request.path}` });
}

/** Redirects to the same URL. */
export const redirectLoop: Fault = (_, request) => textAnswer(307, "", { Location: request.path });

/** Applies `fault` to range requests only. */
export function onRange(fault: Fault): Fault {
  return (answer, request) => request.headers.has("range") ? fault(answer, request) : answer;
}

/** Removes a header. */
export function withoutHeader(name: string): Fault {
  return (answer) => ({
    ...answer,
    headers: Object.fromEntries(
      Object.entries(answer.headers).filter(([key]) => key.toLowerCase() !== name.toLowerCase()),
    ),
  });
}

/** Adds or replaces a header; `name` has the case of the response. */
export function withHeader(name: string, value: string): Fault {
  return (answer) => ({ ...answer, headers: { ...answer.headers, [name]: value } });
}

function cut(
  length: number,
  end: (wire: Wire) => void,
): Fault {
  return (answer) => ({
    ...answer,
    async send(wire, body) {
      await wire.write(body.subarray(0, length));
      end(wire);
    },
  });
}
