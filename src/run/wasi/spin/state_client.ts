import {
  StateFailure,
  type StateReply,
  type StateRequest,
  type StateRequests,
  type StateRequestType,
} from "../../state/messages.ts";

/** Hands the port of a guest's thread to the thread that owns the stores. */
export type OpenStatePort = (port: MessagePort) => void;

/** The connection of a guest's thread to the stores, which another thread owns. It is opened by its first request. */
export class StateClient {
  readonly #open: OpenStatePort;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #port: MessagePort | undefined;
  #lastId = 0;
  #lastConnection = 0;

  constructor(open: OpenStatePort) {
    this.#open = open;
  }

  newConnectionId(): number {
    return ++this.#lastConnection;
  }

  /** Sends a request and resolves to its result; rejects with a StateFailure. */
  request<T extends StateRequestType>(
    type: T,
    params: StateRequests[T]["params"],
  ): Promise<StateRequests[T]["result"]> {
    const id = ++this.#lastId;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#port ??= this.#connect();
    this.#port.postMessage({ ...params, type, id } as StateRequest);
    return waiting.promise as Promise<StateRequests[T]["result"]>;
  }

  /** Sends a request and ignores its result. */
  notify<T extends StateRequestType>(type: T, params: StateRequests[T]["params"]): void {
    this.request(type, params).catch(() => {});
  }

  #connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }: MessageEvent<StateReply>) => this.#receive(data);
    this.#open(port2);
    return port1;
  }

  #receive(reply: StateReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("failure" in reply) {
      waiting?.reject(new StateFailure(reply.failure.code, reply.failure.message));
    } else waiting?.resolve(reply.value);
  }
}
