/** A guest's thread: answers each request with an own instance of one component. */
import { messageOf } from "../../base/errors.ts";
import { workerScope } from "../../base/worker.ts";
import { callHandler, type ResponseSink } from "../engine/calls.ts";
import { callCgi } from "../engine/cgi/call.ts";
import { Component, type GuestProgram, type Instance } from "../engine/component.ts";
import { keepBacktraces, trapReport } from "../engine/trap_report.ts";
import { type Host, openHost } from "../wasi/host.ts";
import { isYielding } from "../wasi/io/poll.ts";
import { SharedCounters } from "./heartbeat.ts";
import { MessageBatch } from "./message_batch.ts";
import { type FromGuest, type RequestMessage, RESPONSE_WINDOW, type ToGuest } from "./messages.ts";

/** Milliseconds between two beats of the thread while it has requests under way. */
const BEAT_INTERVAL = 50;

/** Milliseconds that a guest may continue after its response; what it waits for fails then. */
const IDLE_AFTER_RESPONSE = 20_000;

/** Bytes up to which a piece is copied to the main thread: to transfer a buffer takes 10 µs in each thread. */
const COPIED = 16 * 1024;

/** Limit on the yields of guests that keep the next one from starting: 10 ms of computing each. */
const MAX_YIELDS = 10;

/** A request under way, and the promises that its guest waits for. */
interface Exchange {
  /** The next piece of the request's body. */
  piece?: PromiseWithResolvers<Uint8Array | null>;
  /** Bytes of the response that the main thread has not acknowledged. */
  pending: number;
  /** Room for more of the response. */
  room?: PromiseWithResolvers<void>;
  instance?: Instance;
  /** Beats since the end of the response. */
  age?: number;
  /** True if the client has disconnected or the guest has to stop. */
  isGone: boolean;
}

keepBacktraces();

const scope = workerScope<ToGuest[], FromGuest[]>();
const outbox = new MessageBatch<FromGuest>((messages, transfer) =>
  scope.postMessage(messages, transfer)
);
const exchanges = new Map<number, Exchange>();
/** Requests whose guests have not started, by id. */
const waiting = new Map<number, RequestMessage>();
/** True while {@link startWaiting} runs. */
let isStarting = false;
let component: Component;
let host: Host;
let counters: SharedCounters | undefined;
let beatTimer: ReturnType<typeof setInterval> | undefined;
/** An instance for the next request, created while the thread was idle. */
let spare: Instance | undefined;

// Promises of a guest that has returned may fail later, and the generated script rejects a second one for a trap.
addEventListener("unhandledrejection", (event) => event.preventDefault());

scope.onmessage = ({ data }) => {
  counters?.beat();
  data.forEach(receive);
};

function receive(message: ToGuest): void {
  switch (message.type) {
    case "load":
      counters = new SharedCounters(message.counters);
      return load(message.program, message.counters);
    case "request":
      waiting.set(message.id, message);
      void startWaiting();
      return;
    case "piece":
      return piece(message.id, message.bytes);
    case "taken":
      return taken(message.id, message.count);
    case "cancel":
      return cancel(message.id);
  }
}

/** Loads a component; its first instance fails if the host lacks a function. */
function load(program: GuestProgram, stop: WebAssembly.Memory): void {
  try {
    component = new Component(program, program.settings.limits?.maxMemory, stop);
    host = openHost(
      program.settings,
      (message) => outbox.post({ type: "denial", message }),
      (port) => outbox.post({ type: "sockets", port }, [port]),
      (port) => outbox.post({ type: "state", port }, [port]),
    );
    spare = component.start(host);
    if (host.settings.cgiArgv !== undefined) dropSpare();
    outbox.post({ type: "loaded" });
  } catch (error) {
    outbox.post({ type: "unloadable", message: messageOf(error) });
  }
}

/**
 * Starts the guests of the requests that wait, one after the other: the next one when the last has ended, or waits for
 * something, which a turn of the event loop shows. Guests that only compute, as most do, would be no faster side by
 * side, but each of them would need a memory.
 */
async function startWaiting(): Promise<void> {
  if (isStarting) return;
  isStarting = true;
  for (const [id, request] of waiting) {
    waiting.delete(id);
    const answered = answer(request);
    await Promise.race([answered, nextTurn()]);
    for (let turns = 0; turns < MAX_YIELDS && isYielding(); turns++) {
      await Promise.race([answered, nextTurn()]);
    }
  }
  isStarting = false;
}

let turn: Promise<void> | undefined;

/** Resolves after a turn of the event loop. */
function nextTurn(): Promise<void> {
  return turn ??= new Promise((resolve) =>
    setImmediate(() => {
      turn = undefined;
      resolve();
    })
  );
}

async function answer({ id, head, hasBody }: RequestMessage): Promise<void> {
  const exchange: Exchange = { pending: 0, isGone: false };
  begin(id, exchange);
  try {
    const request = { head, body: bodyOf(id, exchange, hasBody) };
    const sink: ResponseSink = {
      head: (status, headers) => outbox.gather({ type: "head", id, status, headers }),
      chunk: (bytes) => send(id, exchange, bytes),
      end: (isComplete) => {
        exchange.age = 0;
        outbox.post({ type: "end", id, isComplete });
      },
    };
    const argv = host.settings.cgiArgv;
    if (argv !== undefined) {
      const onStart = (instance: Instance) => exchange.instance = instance;
      return await callCgi({ component, host, argv }, request, sink, onStart);
    }
    const instance = exchange.instance = spare ?? component.start(host);
    spare = undefined;
    await callHandler(instance, request, sink);
  } catch (error) {
    outbox.post({ type: "failure", id, report: trapReport(error) });
  } finally {
    finish(id);
  }
}

/** Starts the beats that show the main thread that no guest blocks this thread. */
function begin(id: number, exchange: Exchange): void {
  exchanges.set(id, exchange);
  counters!.underWay = exchanges.size;
  counters!.lastBegun = id;
  beatTimer ??= setInterval(beat, BEAT_INTERVAL);
}

function beat(): void {
  counters!.beat();
  if (exchanges.size === 0) {
    clearInterval(beatTimer);
    beatTimer = undefined;
  }
  for (const [id, exchange] of exchanges) {
    if (exchange.age !== undefined && ++exchange.age === IDLE_AFTER_RESPONSE / BEAT_INTERVAL) {
      cancel(id);
    }
  }
}

function finish(id: number): void {
  exchanges.delete(id);
  counters!.underWay = exchanges.size;
  if (exchanges.size > 0) return;
  setImmediate(() => {
    if (exchanges.size === 0) makeSpare();
  });
}

function dropSpare(): void {
  spare?.[Symbol.dispose]();
  spare = undefined;
}

function makeSpare(): void {
  // Each request of a command has other arguments.
  if (host.settings.cgiArgv !== undefined) return;
  try {
    spare ??= component.start(host);
  } catch {
    // The next request fails with the reason.
  }
}

/** Sends a piece of the response; the guest waits while more than {@link RESPONSE_WINDOW} is not acknowledged. */
function send(id: number, exchange: Exchange, bytes: Uint8Array): Promise<void> | void {
  if (exchange.isGone) throw clientGone();
  // A part of a larger buffer cannot be transferred alone.
  const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
  exchange.pending += own.length;
  const transfer = own.length > COPIED ? [own.buffer as ArrayBuffer] : [];
  outbox.gather({ type: "piece", id, bytes: own as Uint8Array<ArrayBuffer> }, transfer);
  if (exchange.pending < RESPONSE_WINDOW) return;
  exchange.room = Promise.withResolvers();
  return exchange.room.promise;
}

/** Returns the source of a request's body, which asks the main thread for each piece that the guest reads. */
function bodyOf(
  id: number,
  exchange: Exchange,
  hasBody: boolean,
): () => Promise<Uint8Array | null> {
  return () => {
    if (!hasBody) return Promise.resolve(null);
    if (exchange.isGone) return Promise.reject(clientGone());
    exchange.piece = Promise.withResolvers();
    outbox.post({ type: "want", id });
    return exchange.piece.promise;
  };
}

function piece(id: number, bytes: Uint8Array | null | undefined): void {
  const waiting = exchanges.get(id)?.piece;
  if (bytes === undefined) waiting?.reject(clientGone());
  else waiting?.resolve(bytes);
}

function taken(id: number, count: number): void {
  const exchange = exchanges.get(id);
  if (!exchange) return;
  exchange.pending -= count;
  if (exchange.pending < RESPONSE_WINDOW) exchange.room?.resolve();
}

/** Fails everything that a guest waits for, so that it ends unless it computes. */
function cancel(id: number): void {
  waiting.delete(id);
  const exchange = exchanges.get(id);
  if (!exchange) return;
  exchange.isGone = true;
  const gone = clientGone();
  exchange.piece?.reject(gone);
  exchange.room?.reject(gone);
  exchange.instance?.[Symbol.dispose]();
}

function clientGone(): Error {
  return new Error("the client disconnected");
}
