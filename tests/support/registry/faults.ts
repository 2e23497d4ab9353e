import { gzipSync } from "node:zlib";
import { failure } from "./fixture_registry.ts";
import type { Gate } from "../gate.ts";
import { type Answer, type Request, textAnswer, type Wire } from "./http_server.ts";

/** Makes of a good answer a bad one. */
export type Fault = (answer: Answer, request: Request) => Answer | Promise<Answer>;

/** An error status with a registry's error document. */
export function status(code: number, headers: Record<string, string> = {}): Fault {
  return () => failure(code, "FAULT", `scripted ${code}`, headers);
}

/** 429, with `Retry-After` where given. */
export function tooManyRequests(retryAfter?: string): Fault {
  return status(429, retryAfter === undefined ? {} : { "Retry-After": retryAfter });
}

/** A web page with 200, as captive portals and mistyped addresses give. */
export const html: Fault = () =>
  textAnswer(200, "<!DOCTYPE html><title>Sign in</title>", { "Content-Type": "text/html" });

/** Another body, all else as it was: wrong bytes for a digest, or a bad manifest. */
export function body(bytes: Uint8Array | string, headers: Record<string, string> = {}): Fault {
  const content = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
  return (answer) => ({ ...answer, headers: { ...answer.headers, ...headers }, body: content });
}

/** The right length and the wrong bytes. */
export const wrongBytes: Fault = (answer) => ({
  ...answer,
  body: answer.body.map((byte) => byte ^ 0xff),
});

/** Ends in order and too early, with a `Content-Length` that fits what comes. */
export function shortBody(length: number): Fault {
  return (answer) => ({ ...answer, body: answer.body.subarray(0, length) });
}

/** More than there should be, with a `Content-Length` that fits what comes. */
export function longBody(extra: Uint8Array): Fault {
  return (answer) => ({ ...answer, body: new Uint8Array([...answer.body, ...extra]) });
}

/** Ends in order and too early, and no `Content-Length` tells what there should be. */
export function shortChunks(length: number): Fault {
  return chunked(async (send, body) => {
    await send(body.subarray(0, length));
    await send(new Uint8Array());
  });
}

/** More than there should be, without end, and no `Content-Length` to tell. */
export const endlessBody: Fault = chunked(async (send, body, wire) => {
  await send(body);
  while (wire.isOpen) await send(new Uint8Array(64 * 1024));
});

/** A body in HTTP/1.1's chunks; an empty one ends it. */
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

/** The whole length is promised, and the connection ends in order after `length` bytes. */
export function truncatedAfter(length: number): Fault {
  return cut(length, (wire) => wire.close());
}

/** The whole length is promised, and the connection is reset after `length` bytes. */
export function resetAfter(length: number): Fault {
  return cut(length, (wire) => wire.reset());
}

/** Nothing more comes after `length` bytes until the gate is opened; then the rest does. */
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

/** Not even the status line comes until the gate is opened. */
export function held(gate: Gate): Fault {
  return async (answer) => {
    await gate.pass();
    return answer;
  };
}

/** Gzipped on the way, and said so: what a proxy that compresses does. */
export const gzipEncoded: Fault = (answer) => ({
  ...answer,
  headers: { ...answer.headers, "Content-Encoding": "gzip" },
  body: new Uint8Array(gzipSync(answer.body)),
});

/** Sends the client to the same path at another host, or, where given, to another path. */
export function redirect(origin: string, path?: string): Fault {
  return (_, request) => textAnswer(307, "", { Location: `${origin}${path ?? request.path}` });
}

/** Sends the client to where it is already. */
export const redirectLoop: Fault = (_, request) => textAnswer(307, "", { Location: request.path });

/** `fault`, for whoever asks for a range; the others are served. */
export function onRange(fault: Fault): Fault {
  return (answer, request) => request.headers.has("range") ? fault(answer, request) : answer;
}

/** A header less. */
export function withoutHeader(name: string): Fault {
  return (answer) => ({
    ...answer,
    headers: Object.fromEntries(
      Object.entries(answer.headers).filter(([key]) => key.toLowerCase() !== name.toLowerCase()),
    ),
  });
}

/** A header more, or with another value. Written as in the answer. */
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
