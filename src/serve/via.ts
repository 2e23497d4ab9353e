import { AsyncLocalStorage } from "node:async_hooks";

/** How a server names itself; the names of a client's own proxies are not passed on. */
const NAME = /1\.1 larder-[\da-f-]{36}/g;

/** Servers that a request names at most. Chains are shorter, and registries limit the length of a field. */
const MAX_NAMES = 10;

/**
 * The `Via` field (RFC 9110 §7.6.3) of a server's requests to registries: the servers that the client's request has
 * passed, and this one. A server that gets its own request back knows it by that, at whatever name, and whatever servers
 * are in between; it would otherwise wait for its own answer.
 */
export class Via {
  readonly #name: () => string | undefined;
  readonly #random = `1.1 larder-${crypto.randomUUID()}`;
  /** The servers that the client's request has passed; only requests that name some pay for this. */
  readonly #received = new AsyncLocalStorage<readonly string[]>();

  /** @param name returns the name of the server and of the other processes on its cache, which it does not wait for either */
  constructor(name: () => string | undefined = () => undefined) {
    this.#name = name;
  }

  get #own(): string {
    return this.#name() ?? this.#random;
  }

  /** What a request has that is sent now. */
  get header(): string {
    const received = this.#received.getStore();
    return [...received ?? [], this.#own].join(", ");
  }

  /** The server whose client has asked what is asked now: this one, unless another server has asked it. */
  get origin(): string {
    return this.#received.getStore()?.[0] ?? this.#own;
  }

  /** True if the request that is answered now comes from another server. */
  get isOfServer(): boolean {
    return this.#received.getStore() !== undefined;
  }

  /** True for a request that this server, or another process on its cache, has caused. */
  isOwn(headers: Headers): boolean {
    const received = headers.get("via");
    // Before there was a cache, it had no other name.
    return received !== null && [this.#own, this.#random].some((name) => received.includes(name));
  }

  /** Answers a request; the requests that it causes name the servers that it has passed. */
  after<T>(headers: Headers, answer: () => Promise<T>): Promise<T> {
    const received = headers.get("via")?.match(NAME)?.slice(-MAX_NAMES);
    return received ? this.#received.run(received, answer) : answer();
  }
}
