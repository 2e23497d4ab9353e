/** A guest's thread: holds one component's compiled modules and answers each request with an instance of its own. */
import { messageOf } from "../../base/errors.ts";
import { workerScope } from "../../base/worker.ts";
import { callHandler } from "../engine/calls.ts";
import { Component, type GuestProgram, type Instance } from "../engine/component.ts";
import { type Host, openHost } from "../wasi/host.ts";
import type { RequestHead } from "../wasi/http/incoming.ts";
import { SharedCounters } from "./heartbeat.ts";
import { MessageBatch } from "./message_batch.ts";
import { type FromGuest, RESPONSE_WINDOW, type ToGuest } from "./messages.ts";

/** How often a guest's thread shows that its event loop turns, while it has requests under way. */
const BEAT_INTERVAL = 50;

/** So long a guest may go on after its response is over; what it then waits for fails. */
const IDLE_AFTER_RESPONSE = 20_000;

/** One request under way, and what its guest waits for. */
interface Exchange {
  piece?: PromiseWithResolvers<Uint8Array | null>;
  /** Bytes of the response that are not on their way yet. */
  pending: number;
  room?: PromiseWithResolvers<void>;
  instance?: Instance;
  /** Pulses since the response was over, which its guest outlives. */
  age?: number;
  isGone: boolean;
}

const scope = workerScope<ToGuest[], FromGuest[]>();
const outbox = new MessageBatch<FromGuest>((messages, transfer) =>
  scope.postMessage(messages, transfer)
);
const exchanges = new Map<number, Exchange>();
let component: Component;
let host: Host;
let gauge: SharedCounters | undefined;
let pulse: ReturnType<typeof setInterval> | undefined;
/** An instance for the next request, made while there was nothing else to do. */
let spare: Instance | undefined;

// What a guest leaves behind may fail later, and a trap shows a second time inside of the transpiled code.
addEventListener("unhandledrejection", (event) => event.preventDefault());

scope.onmessage = ({ data }) => {
  gauge?.beat();
  data.forEach(receive);
};

function receive(message: ToGuest): void {
  switch (message.type) {
    case "load":
      gauge = new SharedCounters(message.gauge);
      return load(message.program);
    case "request":
      void answer(message.id, message.head, message.hasBody);
      return;
    case "piece":
      return piece(message.id, message.bytes);
    case "taken":
      return taken(message.id, message.count);
    case "cancel":
      return cancel(message.id);
  }
}

/** The first instance shows whether the host has all that the component wants. */
function load(program: GuestProgram): void {
  try {
    component = new Component(program);
    host = openHost(
      program.settings,
      (message) => outbox.post({ type: "refusal", message }),
      (port) => outbox.post({ type: "sockets", port }, [port]),
    );
    spare = component.start(host);
    outbox.post({ type: "loaded" });
  } catch (error) {
    outbox.post({ type: "unloadable", message: messageOf(error) });
  }
}

async function answer(id: number, head: RequestHead, hasBody: boolean): Promise<void> {
  const exchange: Exchange = { pending: 0, isGone: false };
  begin(id, exchange);
  try {
    const instance = exchange.instance = spare ?? component.start(host);
    spare = undefined;
    await callHandler(instance, { head, body: bodyOf(id, exchange, hasBody) }, {
      head: (status, headers) => outbox.gather({ type: "head", id, status, headers }),
      chunk: (bytes) => send(id, exchange, bytes),
      end: (whole) => {
        exchange.age = 0;
        outbox.post({ type: "end", id, whole });
      },
    });
  } catch (error) {
    outbox.post({ type: "failure", id, message: messageOf(error) });
  } finally {
    finish(id);
  }
}

/** The main thread sees by the pulse that no guest holds this thread up. */
function begin(id: number, exchange: Exchange): void {
  exchanges.set(id, exchange);
  gauge!.underWay = exchanges.size;
  gauge!.lastBegun = id;
  pulse ??= setInterval(beat, BEAT_INTERVAL);
}

function beat(): void {
  gauge!.beat();
  for (const [id, exchange] of exchanges) {
    if (exchange.age !== undefined && ++exchange.age === IDLE_AFTER_RESPONSE / BEAT_INTERVAL) {
      cancel(id);
    }
  }
}

function finish(id: number): void {
  exchanges.delete(id);
  gauge!.underWay = exchanges.size;
  if (exchanges.size > 0) return;
  clearInterval(pulse);
  pulse = undefined;
  setTimeout(() => {
    if (exchanges.size === 0) makeSpare();
  }, 0);
}

function makeSpare(): void {
  try {
    spare ??= component.start(host);
  } catch {
    // The next request finds out why, and fails with it.
  }
}

/** Hands a piece of the response over; the guest goes on while not too much is on its way. */
function send(id: number, exchange: Exchange, bytes: Uint8Array): Promise<void> | void {
  if (exchange.isGone) throw new Error("the client has gone");
  // A part of a larger buffer cannot be handed over by itself.
  const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
  exchange.pending += own.length;
  outbox.gather({ type: "piece", id, bytes: own as Uint8Array<ArrayBuffer> }, [
    own.buffer as ArrayBuffer,
  ]);
  if (exchange.pending < RESPONSE_WINDOW) return;
  exchange.room = Promise.withResolvers();
  return exchange.room.promise;
}

/** The request's body as the guest reads it: a piece is asked for when the guest wants one. */
function bodyOf(
  id: number,
  exchange: Exchange,
  hasBody: boolean,
): () => Promise<Uint8Array | null> {
  return () => {
    if (!hasBody) return Promise.resolve(null);
    if (exchange.isGone) return Promise.reject(new Error("the client has gone"));
    exchange.piece = Promise.withResolvers();
    outbox.post({ type: "want", id });
    return exchange.piece.promise;
  };
}

function piece(id: number, bytes: Uint8Array | null | undefined): void {
  const waiting = exchanges.get(id)?.piece;
  if (bytes === undefined) waiting?.reject(new Error("the client broke off"));
  else waiting?.resolve(bytes);
}

function taken(id: number, count: number): void {
  const exchange = exchanges.get(id);
  if (!exchange) return;
  exchange.pending -= count;
  if (exchange.pending < RESPONSE_WINDOW) exchange.room?.resolve();
}

/** Makes what the guest waits for fail, so that it can end; what it computes it computes. */
function cancel(id: number): void {
  const exchange = exchanges.get(id);
  if (!exchange) return;
  exchange.isGone = true;
  const gone = new Error("the client has gone");
  exchange.piece?.reject(gone);
  exchange.room?.reject(gone);
  exchange.instance?.[Symbol.dispose]();
}
