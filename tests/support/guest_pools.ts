import { GuestPool } from "../../src/run/guest_pool.ts";
import { transpile } from "../../src/run/transpile.ts";
import { readTranspiler } from "../../src/run/transpiler_files.ts";
import { NOTHING } from "./guest_host.ts";

export interface PoolOptions {
  /** Threads at most; 1 if not given. */
  readonly size?: number;
  readonly signal?: AbortSignal;
}

/** The threads of a component, and requests for them. Disposing it ends them. */
export class Pool implements Disposable {
  readonly failures: string[];
  readonly #pool: GuestPool;

  private constructor(pool: GuestPool, failures: string[]) {
    this.#pool = pool;
    this.failures = failures;
  }

  static async start(component: Uint8Array, options: PoolOptions = {}): Promise<Pool> {
    const { size = 1, signal } = options;
    const { script, modules, images } = await transpile(component, readTranspiler());
    const compiled = [...modules].map(([name, bytes]) =>
      [name, new WebAssembly.Module(bytes)] as const
    );
    const program = { script, modules: new Map(compiled), images, settings: NOTHING };
    const failures: string[] = [];
    const events = { onFailure: (message: string) => failures.push(message), onRefusal() {} };
    return new Pool(await GuestPool.start(program, size, events, signal), failures);
  }

  /** Sends a request, with a body if there is one. */
  fetch(path: string, body: ReadableStream<Uint8Array> | null = null): Promise<Response> {
    const method = body ? "POST" : "GET";
    const head = { method, path, scheme: "http", authority: "test", headers: [] } as const;
    return this.#pool.handle(head, body);
  }

  /** The text of a response, or the status that stands for its failure. */
  async get(path: string, body?: ReadableStream<Uint8Array>): Promise<string | number> {
    try {
      return await (await this.fetch(path, body)).text();
    } catch (error) {
      return (error as { status?: number }).status ?? (error as Error).message;
    }
  }

  [Symbol.dispose](): void {
    this.#pool.stop();
  }
}
