import { GuestPool } from "../../../src/run/server/worker_pool.ts";
import type { GuestLimits } from "../../../src/run/wasi/host.ts";
import type { RequestHead } from "../../../src/run/wasi/http/incoming.ts";
import { compileComponent } from "./components.ts";
import { NOTHING } from "./guest_host.ts";

export interface PoolOptions {
  /** Limit on threads; 1 by default. */
  readonly size?: number;
  readonly signal?: AbortSignal;
  readonly limits?: GuestLimits;
}

/** Returns the head of a request without headers. */
export function headOf(path: string, method = "GET"): RequestHead {
  return { method, path, scheme: "http", authority: "test", headers: [] };
}

/** A `GuestPool` for tests, which collects its failures. Disposing of it ends the threads. */
export class Pool implements Disposable {
  readonly failures: string[];
  readonly #pool: GuestPool;

  private constructor(pool: GuestPool, failures: string[]) {
    this.#pool = pool;
    this.failures = failures;
  }

  static async start(component: Uint8Array, options: PoolOptions = {}): Promise<Pool> {
    const { size = 1, signal, limits } = options;
    const program = { compiled: compileComponent(component), settings: { ...NOTHING, limits } };
    const failures: string[] = [];
    const events = { onFailure: (message: string) => failures.push(message), onDenial() {} };
    return new Pool(await GuestPool.start(program, size, events, signal), failures);
  }

  /** Sends a request, by POST if it has a body. */
  fetch(
    path: string,
    body: ReadableStream<Uint8Array> | null = null,
    isGone = () => false,
  ): Promise<Response> {
    return this.#pool.handle({ head: headOf(path, body ? "POST" : "GET"), body, isGone });
  }

  /** Returns the text of the response, or the status or message of the failure. */
  async get(
    path: string,
    body?: ReadableStream<Uint8Array>,
    isGone?: () => boolean,
  ): Promise<string | number> {
    try {
      return await (await this.fetch(path, body, isGone)).text();
    } catch (error) {
      return (error as { status?: number }).status ?? (error as Error).message;
    }
  }

  [Symbol.dispose](): void {
    this.#pool.stop();
  }
}
