import { concatBytes } from "../../base/bytes.ts";
import { interrupted } from "../../base/errors.ts";
import { STALL_TIMEOUT, TRANSFER_BUFFER } from "../../base/limits.ts";
import { networkError, timedOut } from "./network_error.ts";
import type { HttpResponse } from "./transport.ts";

/** Bytes that have to arrive within the stall timeout, or else a server that trickles holds a pull up for days. */
const LEAST_PER_TIMEOUT = 300;

export interface ReadOptions {
  /** For messages. */
  readonly url: URL;
  readonly signal?: AbortSignal | undefined;
  /** Expected bytes, which determine the size of the buffer. */
  readonly expected?: number | undefined;
  /** Milliseconds of waiting for {@link LEAST_PER_TIMEOUT} bytes after which reading fails. */
  readonly stallTimeout?: number | undefined;
}

/**
 * Yields the chunks of a body, read into one buffer: each chunk is overwritten once the next is requested.
 *
 * @throws LarderError LDR_TIMEOUT if the sender stalls, LDR_UNREACHABLE if the connection breaks, LDR_INTERRUPTED
 */
export async function* readBody(
  response: HttpResponse,
  options: ReadOptions,
): AsyncGenerator<Uint8Array> {
  if (!response.body) return;
  const reader = openReader(response.body, options.expected);
  const watch = new StallWatch(options.stallTimeout ?? STALL_TIMEOUT, () => reader.cancel());
  const onAbort = () => void reader.cancel();
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      if (options.signal?.aborted) throw interrupted();
      watch.start();
      const chunk = await reader.read();
      if (options.signal?.aborted) throw interrupted();
      if (watch.stalled) throw timedOut(options.url, watch.timeout, watch.received > 0);
      if (!chunk) return;
      watch.pause(chunk.length);
      yield chunk;
    }
  } catch (error) {
    throw networkError(error, options.url);
  } finally {
    watch.end();
    options.signal?.removeEventListener("abort", onAbort);
    await reader.cancel();
  }
}

/**
 * Reads a whole small body.
 * @returns undefined if it is longer than `limit` bytes
 */
export async function readSmall(
  response: HttpResponse,
  limit: number,
  options: ReadOptions,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of readBody(response, { expected: 64 * 1024, ...options })) {
    length += chunk.length;
    if (length > limit) return undefined;
    parts.push(chunk.slice());
  }
  return concatBytes(parts);
}

interface ChunkReader {
  read(): Promise<Uint8Array | undefined>;
  cancel(): Promise<void>;
}

/** Reads into its own buffer if the stream supports that, which is twice as fast, and otherwise chunk by chunk. */
function openReader(body: ReadableStream<Uint8Array>, expected: number | undefined): ChunkReader {
  let byob: ReadableStreamBYOBReader | undefined;
  try {
    byob = body.getReader({ mode: "byob" });
  } catch {
    // Not a byte stream.
  }
  if (!byob) {
    const reader = body.getReader();
    return {
      read: async () => (await reader.read()).value,
      cancel: () => reader.cancel().catch(() => {}),
    };
  }
  const reader = byob;
  // One byte more than expected, to detect a body that is too long in the same read.
  const size = Math.max(0, expected ?? TRANSFER_BUFFER) + 1;
  let buffer = new ArrayBuffer(Math.min(TRANSFER_BUFFER, size));
  return {
    async read() {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (value) buffer = value.buffer as ArrayBuffer;
      return done ? undefined : value;
    },
    cancel: () => reader.cancel().catch(() => {}),
  };
}

/**
 * Calls `onStall` after `timeout` milliseconds of waiting for {@link LEAST_PER_TIMEOUT} bytes. The time between two
 * reads does not count. One timer serves many chunks.
 */
class StallWatch {
  readonly timeout: number;
  stalled = false;
  #waitingSince: number | undefined;
  /** Bytes of the current {@link LEAST_PER_TIMEOUT}, and milliseconds waited for them. */
  received = 0;
  #waited = 0;
  #timer: ReturnType<typeof setTimeout>;

  constructor(timeout: number, onStall: () => void) {
    this.timeout = timeout;
    const check = () => {
      const now = performance.now();
      const waited = this.#waited + now - (this.#waitingSince ?? now);
      if (this.#waitingSince === undefined || waited < timeout) {
        this.#timer = setTimeout(check, Math.max(1, timeout - waited, timeout / 100));
        return;
      }
      this.stalled = true;
      onStall();
    };
    this.#timer = setTimeout(check, timeout);
  }

  start(): void {
    this.#waitingSince = performance.now();
  }

  /** @param received bytes that have arrived */
  pause(received: number): void {
    this.#waited += performance.now() - this.#waitingSince!;
    this.#waitingSince = undefined;
    this.received += received;
    if (this.received < LEAST_PER_TIMEOUT) return;
    this.received = 0;
    this.#waited = 0;
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
