import { sleep } from "./concurrency.ts";
import { LarderError, messageOf } from "./errors.ts";

/** Milliseconds until larder listens again: a process without free file descriptors fails at once for each client. */
const PAUSE = 100;

/** The address to listen on. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/** Certificate and key in PEM. */
export interface ListenerTls {
  readonly cert: string;
  readonly key: string;
}

export interface ListenerOptions {
  readonly address: ListenAddress;
  /** For HTTPS. */
  readonly tls?: ListenerTls | undefined;
  /** Called with why no connections are accepted for a moment. */
  readonly onInterruption: (message: string) => void;
}

/**
 * Listens for requests until it is stopped. `Deno.serve` stops for good at the first connection that it cannot accept,
 * such as one for which the process has no file descriptor left; connections that exist go on. A listener then listens
 * again on the same address.
 */
export class Listener {
  #options: ListenerOptions;
  readonly #handler: Deno.ServeHandler<Deno.NetAddr>;
  #server: Deno.HttpServer<Deno.NetAddr>;
  /** The end of the connections of earlier servers. */
  #drained: Promise<unknown> = Promise.resolve();
  /** True while no server listens. */
  #isAway = false;
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
    await Promise.all([this.#drained, this.#server.shutdown()]);
  }

  /**
   * Uses another certificate from now on. `Deno.serve` has one for good, so that the port is closed for a few milliseconds;
   * existing connections end after their requests under way, whose bodies Deno 2.9 cannot read to their end
   * (denoland/deno#36809).
   *
   * @throws what the runtime says of a pair that it cannot use; the previous one then remains in force
   */
  async renew(tls: ListenerTls): Promise<void> {
    Deno.listenTls({ hostname: this.address.hostname, port: 0, ...tls }).close();
    this.#options = { ...this.#options, tls };
    if (this.#isAway || this.#isStopping) return;
    this.#isAway = true;
    this.#drained = Promise.all([this.#drained, this.#server.shutdown()]);
    // The runtime closes the port at its next turn.
    await sleep(1);
    await this.#listenAgain();
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
    server.finished.catch((error) => {
      this.#isAway = true;
      return this.#listenAgain(error);
    });
    return server;
  }

  /** Listens on the same address until it succeeds. @param failure why it does not listen, for a message */
  async #listenAgain(failure?: unknown): Promise<void> {
    const { address } = this;
    while (!this.#isStopping && this.#isAway) {
      if (failure !== undefined) {
        this.#options.onInterruption(`cannot accept connections: ${messageOf(failure)}`);
        await sleep(PAUSE);
        if (this.#isStopping) return;
      }
      try {
        this.#server = this.#listen(address);
        this.#isAway = false;
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
