import { sleep } from "./concurrency.ts";
import { LarderError, messageOf } from "./errors.ts";

/** Milliseconds until larder listens again: a process without free file descriptors fails at once for each client. */
const PAUSE = 100;

/** The address to listen on. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

export interface ListenerOptions {
  readonly address: ListenAddress;
  /** Certificate and key in PEM, for HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Called with why no connections are accepted for a moment. */
  readonly onInterruption: (message: string) => void;
}

/**
 * Listens for requests until it is stopped. `Deno.serve` stops for good at the first connection that it cannot accept,
 * such as one for which the process has no file descriptor left; connections that exist go on. A listener then listens
 * again on the same address.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #handler: Deno.ServeHandler<Deno.NetAddr>;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #isStopping = false;

  /** @throws LarderError LDR_LISTEN */
  constructor(options: ListenerOptions, handler: Deno.ServeHandler<Deno.NetAddr>) {
    this.#options = options;
    this.#handler = handler;
    try {
      this.#server = this.#listen(options.address);
    } catch (error) {
      throw cannotListen(options.address, error);
    }
  }

  /** Its address, with the port that the system chose for port 0. */
  get address(): ListenAddress {
    return this.#server.addr;
  }

  /** Closes the port, and resolves when all connections have ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#server.shutdown();
  }

  #listen(address: ListenAddress): Deno.HttpServer<Deno.NetAddr> {
    const { hostname, port } = address;
    const server = Deno.serve({
      hostname,
      port,
      ...this.#options.tls,
      onListen: () => {},
      onError: () => new Response(null, { status: 500 }),
    }, this.#handler);
    server.finished.catch((error) => this.#listenAgain(error));
    return server;
  }

  async #listenAgain(error: unknown): Promise<void> {
    const { address } = this;
    for (let failure = error; !this.#isStopping;) {
      this.#options.onInterruption(`cannot accept connections: ${messageOf(failure)}`);
      await sleep(PAUSE);
      if (this.#isStopping) return;
      try {
        this.#server = this.#listen(address);
        return;
      } catch (error) {
        failure = error;
      }
    }
  }
}

function cannotListen({ hostname, port }: ListenAddress, error: unknown): LarderError {
  const isInUse = error instanceof Deno.errors.AddrInUse;
  const reason = isInUse ? "the port is in use" : messageOf(error);
  return new LarderError("LDR_LISTEN", `cannot listen on ${hostname}:${port}: ${reason}`, {
    hint: isInUse
      ? "stop the program that listens there, or choose another port with --listen"
      : "choose another address with --listen",
    cause: error,
  });
}
