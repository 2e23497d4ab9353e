import {
  type Reply,
  type Request,
  type Requests,
  type RequestType,
  SocketFailure,
} from "../../sockets/messages.ts";
import { instanceEnded } from "../errors.ts";
import type { InstanceResources } from "../resources.ts";

/** Hands one guest's port to the thread that owns the sockets. */
export type OpenPort = (port: MessagePort) => void;

/** The sessions of the guests of one thread. */
export class Sessions {
  readonly #open: OpenPort;
  readonly #ending = new Set<Promise<void>>();

  constructor(open: OpenPort) {
    this.#open = open;
  }

  /** Starts the session of one guest, which ends with its instance. */
  start(resources: InstanceResources): Session {
    const { port1, port2 } = new MessageChannel();
    this.#open(port2);
    const session = new Session(port1, (ended) => {
      this.#ending.add(ended);
      ended.finally(() => this.#ending.delete(ended));
    });
    resources.hold(session);
    return session;
  }

  /** Resolves once everything that ended guests had written is sent, or cannot be; never rejects. */
  async drained(): Promise<void> {
    await Promise.all(this.#ending);
  }
}

/** The connection of one guest to its sockets, which another thread owns. */
export class Session implements Disposable {
  readonly #port: MessagePort;
  readonly #onEnd: (ended: Promise<void>) => void;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  #lastSocketId = 0;
  #hasEnded = false;

  /** @param onEnd called at the end, with a promise that resolves once everything written is sent */
  constructor(port: MessagePort, onEnd: (ended: Promise<void>) => void) {
    this.#port = port;
    this.#onEnd = onEnd;
    port.onmessage = ({ data }: MessageEvent<Reply>) => this.#receive(data);
  }

  newSocketId(): number {
    return ++this.#lastSocketId;
  }

  /**
   * Sends a request and resolves to its result; rejects with a SocketFailure, or a trap once the guest has ended.
   * @param transfer objects that move to the other thread
   */
  request<T extends RequestType>(
    type: T,
    params: Requests[T]["params"],
    transfer: readonly Transferable[] = [],
  ): Promise<Requests[T]["result"]> {
    if (this.#hasEnded) return Promise.reject(instanceEnded());
    const id = ++this.#lastId;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#port.postMessage({ ...params, type, id } as Request, [...transfer]);
    return waiting.promise as Promise<Requests[T]["result"]>;
  }

  /** Sends a request and ignores its result. */
  notify<T extends RequestType>(type: T, params: Requests[T]["params"]): void {
    this.request(type, params).catch(() => {});
  }

  /**
   * Writes bytes to a socket and transfers their buffer.
   * @throws Deno.errors.BrokenPipe if the peer has stopped reading
   */
  async write(socket: number, bytes: Uint8Array): Promise<void> {
    // Only a whole buffer can be transferred.
    const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
    try {
      await this.request("write", { socket, bytes: own }, [own.buffer as ArrayBuffer]);
    } catch (error) {
      const isClosed = error instanceof SocketFailure && error.code === "broken-pipe";
      throw isClosed ? new Deno.errors.BrokenPipe(error.message) : error;
    }
  }

  [Symbol.dispose](): void {
    if (this.#hasEnded) return;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    const ended = this.request("end", {}).then(() => {}, () => {});
    this.#hasEnded = true;
    for (const { reject } of waiting) reject(instanceEnded());
    this.#onEnd(ended.then(() => this.#port.close()));
  }

  #receive(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("failure" in reply) waiting?.reject(new SocketFailure(reply.failure));
    else waiting?.resolve(reply.value);
  }
}
