import { type Endpoint, isUnspecified } from "../grants/endpoint.ts";
import { SocketGrants, type SocketSettings } from "../grants/socket_grants.ts";
import {
  type ConnectionEnds,
  type FailureCode,
  type Reply,
  type Request,
  type Requests,
  type RequestType,
  SocketFailure,
} from "./messages.ts";
import { failureOf } from "./system_errors.ts";
import {
  Connection,
  DatagramSocket,
  Listener,
  lookUp,
  PendingConnection,
} from "./system_sockets.ts";

type Socket = PendingConnection | Connection | Listener | DatagramSocket;

/** How each request is carried out. */
type Handlers = {
  readonly [T in RequestType]: (
    ask: Requests[T]["ask"],
  ) => Requests[T]["answer"] | Promise<Requests[T]["answer"]>;
};

/**
 * Has the sockets of one guest, whose thread asks for all that it does with them. That thread may not use the
 * network itself, so that what is checked here is what the guest can do, whatever gets hold of its thread.
 */
export class SocketHost {
  readonly #port: MessagePort;
  readonly #grants: SocketGrants;
  readonly #onEnd: () => void;
  readonly #sockets = new Map<number, Socket>();
  /** Those that the guest is done with, and that still have something to send. */
  readonly #closing = new Set<Socket>();
  #isEnded = false;
  readonly #handlers: Handlers = {
    lookUp: ({ name }) => this.#lookUp(name),
    connect: ({ socket, remote }) => this.#connect(socket, remote),
    listen: ({ socket, local }) => this.#listen(socket, local),
    accept: ({ socket, as }) => this.#accept(socket, as),
    read: ({ socket, atMost }) => this.#find(socket, Connection).read(atMost),
    write: ({ socket, bytes }) => this.#find(socket, Connection).write(bytes),
    finish: ({ socket }) => this.#find(socket, Connection).finish(),
    keepAlive: ({ socket, isOn }) => this.#find(socket, Connection).keepAlive(isOn),
    bindDatagrams: ({ socket, local }) => this.#bindDatagrams(socket, local),
    receive: ({ socket }) => this.#find(socket, DatagramSocket).receive(),
    send: ({ socket, bytes, remote }) => {
      this.#require(this.#grants.mayReach("udp", remote));
      return this.#find(socket, DatagramSocket).send({ bytes, remote });
    },
    close: ({ socket }) => this.#close(socket),
    end: () => this.#closeAll(),
  };

  /**
   * @param port where the guest's thread asks
   * @param onEnd called once it has ended, by itself or by {@link abort}
   */
  constructor(port: MessagePort, settings: SocketSettings, onEnd: () => void) {
    this.#port = port;
    this.#grants = new SocketGrants(settings);
    this.#onEnd = onEnd;
    port.onmessage = ({ data }: MessageEvent<Request>) => void this.#answer(data);
  }

  /** Closes everything at once. */
  abort(): void {
    this.#isEnded = true;
    for (const socket of [...this.#sockets.values(), ...this.#closing]) socket.abort();
    this.#sockets.clear();
    this.#port.close();
    this.#onEnd();
  }

  async #answer(request: Request): Promise<void> {
    const { id, type } = request;
    try {
      const handle = this.#handlers[type] as (ask: Request) => Requests[RequestType]["answer"];
      const value = await handle(request);
      const isPiece = value instanceof Uint8Array;
      this.#post({ id, value }, isPiece ? [value.buffer as ArrayBuffer] : []);
    } catch (error) {
      this.#post({ id, failure: failureOf(error) });
    }
    if (type === "end") this.abort();
  }

  #post(answer: Reply, transfer: Transferable[] = []): void {
    this.#port.postMessage(answer, transfer);
  }

  async #lookUp(name: string): Promise<readonly string[]> {
    this.#require(this.#grants.mayLookUp(name));
    const addresses = await lookUp(name);
    this.#grants.learn(name, addresses);
    return addresses;
  }

  async #connect(id: number, remote: Endpoint): Promise<ConnectionEnds> {
    this.#require(this.#grants.mayReach("tcp", remote));
    const connecting = new PendingConnection();
    this.#sockets.set(id, connecting);
    try {
      const connection = await Connection.to(remote, connecting.signal);
      return this.#keep(id, connection, connecting).ends;
    } catch (error) {
      this.#sockets.delete(id);
      throw error;
    }
  }

  #listen(id: number, local: Endpoint): Endpoint {
    this.#require(this.#grants.mayBind("tcp", local));
    const listener = new Listener(local);
    this.#sockets.set(id, listener);
    return listener.local;
  }

  async #accept(id: number, as: number): Promise<ConnectionEnds> {
    const listener = this.#find(id, Listener);
    return this.#keep(as, await listener.accept(), undefined).ends;
  }

  #bindDatagrams(id: number, local: Endpoint): Endpoint {
    const isOpen = this.#grants.mayBind("udp", local);
    this.#require(isOpen || isUnspecified(local));
    // What was not granted to be reached is for answers: only those that it may ask get through to it.
    const takes = (remote: Endpoint) => isOpen || this.#grants.mayReach("udp", remote);
    const socket = new DatagramSocket(local, takes);
    this.#sockets.set(id, socket);
    return socket.local;
  }

  /** Keeps a new connection, unless what it comes in the place of was closed meanwhile. */
  #keep(id: number, connection: Connection, before: PendingConnection | undefined): Connection {
    if (this.#isEnded || this.#sockets.get(id) !== before) {
      connection.abort();
      throw failure("connection-aborted", "the socket was closed");
    }
    this.#sockets.set(id, connection);
    return connection;
  }

  async #close(id: number): Promise<void> {
    const socket = this.#sockets.get(id);
    if (!socket) return;
    this.#sockets.delete(id);
    this.#closing.add(socket);
    await socket.close();
    this.#closing.delete(socket);
  }

  async #closeAll(): Promise<void> {
    this.#isEnded = true;
    await Promise.all([...this.#sockets.keys()].map((id) => this.#close(id)));
  }

  #find<T extends Socket>(id: number, kind: new (...args: never[]) => T): T {
    const socket = this.#sockets.get(id);
    if (socket instanceof kind) return socket;
    throw failure("invalid-state", "the socket was closed");
  }

  #require(isGranted: boolean): void {
    if (!isGranted) throw failure("access-denied", "it was not granted");
  }
}

function failure(code: FailureCode, message: string): SocketFailure {
  return new SocketFailure({ code, message });
}
