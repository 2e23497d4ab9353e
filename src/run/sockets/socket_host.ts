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

type Handlers = {
  readonly [T in RequestType]: (
    params: Requests[T]["params"],
  ) => Requests[T]["result"] | Promise<Requests[T]["result"]>;
};

/**
 * Owns the sockets of one guest and carries out the requests of its thread. The guest's thread has no permission to
 * use the network, so the grants checked here hold even if the guest takes over its thread.
 */
export class SocketHost {
  readonly #port: MessagePort;
  readonly #grants: SocketGrants;
  readonly #onEnd: () => void;
  readonly #sockets = new Map<number, Socket>();
  /** Sockets that the guest has closed and that still have bytes to send. */
  readonly #closing = new Set<Socket>();
  #hasEnded = false;
  readonly #handlers: Handlers = {
    lookUp: ({ name }) => this.#lookUp(name),
    connect: ({ socket, remote }) => this.#connect(socket, remote),
    listen: ({ socket, local }) => this.#listen(socket, local),
    accept: ({ socket, as }) => this.#accept(socket, as),
    read: ({ socket, atMost }) => this.#socket(socket, Connection).read(atMost),
    write: ({ socket, bytes }) => this.#socket(socket, Connection).write(bytes),
    finish: ({ socket }) => this.#socket(socket, Connection).finish(),
    keepAlive: ({ socket, isOn }) => this.#socket(socket, Connection).keepAlive(isOn),
    bindDatagrams: ({ socket, local }) => this.#bindDatagrams(socket, local),
    receive: ({ socket }) => this.#socket(socket, DatagramSocket).receive(),
    send: ({ socket, bytes, remote }) => {
      this.#require(this.#grants.mayReach("udp", remote));
      return this.#socket(socket, DatagramSocket).send({ bytes, remote });
    },
    close: ({ socket }) => this.#close(socket),
    end: () => this.#closeAll(),
  };

  /**
   * @param port receives the requests of the guest's thread
   * @param onEnd called after the request `end` or {@link abort}
   */
  constructor(port: MessagePort, settings: SocketSettings, onEnd: () => void) {
    this.#port = port;
    this.#grants = new SocketGrants(settings);
    this.#onEnd = onEnd;
    port.onmessage = ({ data }: MessageEvent<Request>) => void this.#handle(data);
  }

  /** Closes everything at once. */
  abort(): void {
    this.#hasEnded = true;
    for (const socket of [...this.#sockets.values(), ...this.#closing]) socket.abort();
    this.#sockets.clear();
    this.#port.close();
    this.#onEnd();
  }

  async #handle(request: Request): Promise<void> {
    const { id, type } = request;
    try {
      const handle = this.#handlers[type] as (params: Request) => Requests[RequestType]["result"];
      const value = await handle(request);
      const transfer = value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : [];
      this.#reply({ id, value }, transfer);
    } catch (error) {
      this.#reply({ id, failure: failureOf(error) });
    }
    if (type === "end") this.abort();
  }

  #reply(reply: Reply, transfer: Transferable[] = []): void {
    this.#port.postMessage(reply, transfer);
  }

  async #lookUp(name: string): Promise<readonly string[]> {
    this.#require(this.#grants.mayLookUp(name));
    const addresses = await lookUp(name);
    this.#grants.learn(name, addresses);
    return addresses;
  }

  async #connect(id: number, remote: Endpoint): Promise<ConnectionEnds> {
    this.#require(this.#grants.mayReach("tcp", remote));
    const pending = new PendingConnection();
    this.#sockets.set(id, pending);
    try {
      const connection = await Connection.to(remote, pending.signal);
      return this.#add(id, connection, pending).ends;
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
    const listener = this.#socket(id, Listener);
    return this.#add(as, await listener.accept(), undefined).ends;
  }

  #bindDatagrams(id: number, local: Endpoint): Endpoint {
    const mayBind = this.#grants.mayBind("udp", local);
    this.#require(mayBind || isUnspecified(local));
    // Without the grant to bind, the socket only receives replies: from endpoints that the guest may send to.
    const accepts = (remote: Endpoint) => mayBind || this.#grants.mayReach("udp", remote);
    const socket = new DatagramSocket(local, accepts);
    this.#sockets.set(id, socket);
    return socket.local;
  }

  /** Adds a connection, unless the guest has closed the socket meanwhile. */
  #add(id: number, connection: Connection, pending: PendingConnection | undefined): Connection {
    if (this.#hasEnded || this.#sockets.get(id) !== pending) {
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
    this.#hasEnded = true;
    await Promise.all([...this.#sockets.keys()].map((id) => this.#close(id)));
  }

  #socket<T extends Socket>(id: number, kind: new (...args: never[]) => T): T {
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
