import {
  type Reply,
  type Request,
  type Requests,
  type RequestType,
  SocketFailure,
} from "../../sockets/messages.ts";
import type { InstanceResources } from "../resources.ts";
import { trapError } from "../errors.ts";

/** Hands a port to the thread that has the sockets; what comes there is one guest's. */
export type OpenPort = (port: MessagePort) => void;

/** The guests of one thread, as far as they have sockets. */
export class Sessions {
  readonly #open: OpenPort;
  readonly #ending = new Set<Promise<void>>();

  constructor(open: OpenPort) {
    this.#open = open;
  }

  /** Begins what one guest has of sockets, which ends with it. */
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

  /** Resolves once all that guests had written before they ended has left, or never will; never rejects. */
  async drained(): Promise<void> {
    await Promise.all(this.#ending);
  }
}

/** One guest's way to its sockets, which another thread has. */
export class Session implements Disposable {
  readonly #port: MessagePort;
  readonly #onEnd: (ended: Promise<void>) => void;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  #lastSocket = 0;
  #isEnded = false;

  /** @param onEnd told when it has ended; the promise resolves once all that was written has left */
  constructor(port: MessagePort, onEnd: (ended: Promise<void>) => void) {
    this.#port = port;
    this.#onEnd = onEnd;
    port.onmessage = ({ data }: MessageEvent<Reply>) => this.#receive(data);
  }

  /** A number for another socket. */
  newSocketId(): number {
    return ++this.#lastSocket;
  }

  /**
   * @param transfer what is handed over, and is not here any more
   * @returns the answer. It rejects with a SocketFailure, or with a trap once the guest has ended
   */
  request<T extends RequestType>(
    type: T,
    ask: Requests[T]["ask"],
    transfer: readonly Transferable[] = [],
  ): Promise<Requests[T]["answer"]> {
    if (this.#isEnded) return Promise.reject(ended());
    const id = ++this.#lastId;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#port.postMessage({ ...ask, type, id } as Request, [...transfer]);
    return waiting.promise as Promise<Requests[T]["answer"]>;
  }

  /** Asks for what nobody waits for. */
  notify<T extends RequestType>(type: T, ask: Requests[T]["ask"]): void {
    this.request(type, ask).catch(() => {});
  }

  /**
   * Has bytes written, and with them hands their buffer over.
   * @throws Deno.errors.BrokenPipe where nobody reads them
   */
  async write(socket: number, bytes: Uint8Array): Promise<void> {
    // A part of a larger buffer cannot be handed over by itself.
    const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
    try {
      await this.request("write", { socket, bytes: own }, [own.buffer as ArrayBuffer]);
    } catch (error) {
      const isClosed = error instanceof SocketFailure && error.code === "broken-pipe";
      throw isClosed ? new Deno.errors.BrokenPipe(error.message) : error;
    }
  }

  [Symbol.dispose](): void {
    if (this.#isEnded) return;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    const over = this.request("end", {}).then(() => {}, () => {});
    this.#isEnded = true;
    for (const { reject } of waiting) reject(ended());
    this.#onEnd(over.then(() => this.#port.close()));
  }

  #receive(answer: Reply): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ("failure" in answer) waiting?.reject(new SocketFailure(answer.failure));
    else waiting?.resolve(answer.value);
  }
}

function ended(): Error {
  return trapError("the instance has ended");
}
