import {
  type Endpoint,
  formatEndpoint,
  isUnspecified,
  isUnspecifiedIp,
} from "../../grants/endpoint.ts";
import { type ConnectionEnds, SocketFailure } from "../../sockets/messages.ts";
import { WasiError } from "../errors.ts";
import { BufferedInput, InputStream } from "../io/input_stream.ts";
import { OutputStream } from "../io/output_stream.ts";
import {
  type IpSocketAddress,
  isUnicast,
  localEndpoint,
  type Network,
  remoteEndpoint,
  socketAddress,
} from "./network.ts";
import { Operation } from "./operation.ts";
import { TcpOptions } from "./socket.ts";

/** Source: wasi-sockets, TcpSocketOperationalSemantics.md. */
type TcpState =
  | { readonly name: "unbound" | "closed" }
  | { readonly name: "bind-in-progress"; readonly operation: Operation<Binding> }
  | { readonly name: "bound" | "listen-in-progress"; readonly binding: Binding }
  | {
    readonly name: "listening";
    readonly binding: Binding;
    accepting: Operation<TcpConnection> | undefined;
  }
  | { readonly name: "connect-in-progress"; readonly operation: Operation<TcpConnection> }
  | {
    readonly name: "connected";
    readonly connection: TcpConnection;
    readonly input: BufferedInput;
    readonly output: OutputStream;
  };

/** The endpoint that a socket is bound to. */
interface Binding {
  /** As the guest requested it, possibly without address or port. */
  readonly requested: Endpoint;
  readonly local: Endpoint;
  /** The id of the listening socket; undefined if the guest may not listen, and then nothing is bound yet. */
  readonly listener: number | undefined;
}

/** A connection, and its id in the thread that owns the sockets. */
interface TcpConnection {
  readonly id: number;
  readonly ends: ConnectionEnds;
}

/** `tcp-socket` of `wasi:sockets/tcp`. */
export class TcpSocket extends TcpOptions implements Disposable {
  #state: TcpState = { name: "unbound" };
  /** The ids of the sockets to close with this one: the listener, connections, and the one being accepted. */
  readonly #ids = new Set<number>();

  startBind(_network: Network, address: IpSocketAddress): void {
    this.#require("unbound");
    const requested = localEndpoint(address, this.family);
    if (!isUnicast(requested.ip)) throw new WasiError("invalid-argument");
    // A socket without address and port may be for an outgoing connection.
    if (!isUnspecified(requested)) this.guest.requireBind("tcp", requested);
    const binding = this.guest.grants.mayBind("tcp", requested)
      ? this.#bind(requested)
      : Promise.resolve({ requested, local: requested, listener: undefined });
    this.#state = { name: "bind-in-progress", operation: new Operation(binding) };
  }

  finishBind(): void {
    const { operation } = this.#inProgress("bind-in-progress");
    const binding = this.#finish(operation, { name: "unbound" });
    this.#state = { name: "bound", binding };
  }

  startConnect(_network: Network, address: IpSocketAddress): void {
    this.#require("unbound", "bound");
    const binding = this.#state.name === "bound" ? this.#state.binding : undefined;
    this.#state = { name: "closed" };
    const remote = remoteEndpoint(address, this.family);
    if (!isUnicast(remote.ip)) throw new WasiError("invalid-argument");
    // Deno cannot choose the local port of a connection.
    if (binding && binding.requested.port !== 0) throw new WasiError("not-supported");
    this.guest.requireReach("tcp", remote);
    const operation = new Operation(this.#connect(remote, binding));
    this.#state = { name: "connect-in-progress", operation };
  }

  finishConnect(): [InputStream, OutputStream] {
    const { operation } = this.#inProgress("connect-in-progress");
    return this.#open(this.#finish(operation, { name: "closed" }));
  }

  startListen(): void {
    this.#require("bound");
    const { binding } = this.#state as TcpState & { name: "bound" };
    this.#state = { name: "closed" };
    this.guest.requireBind("tcp", binding.requested);
    this.#state = { name: "listen-in-progress", binding };
  }

  finishListen(): void {
    const { binding } = this.#inProgress("listen-in-progress");
    this.#state = { name: "listening", binding, accepting: undefined };
  }

  accept(): [TcpSocket, InputStream, OutputStream] {
    const state = this.#state;
    if (state.name !== "listening") throw new WasiError("invalid-state");
    const operation = state.accepting ??= this.#accept(state.binding.listener!);
    if (!operation.isDone) throw new WasiError("would-block");
    // Before the connection is taken: if there are too many sockets, it waits for the next call.
    const accepted = this.guest.hold(new TcpSocket(this.guest, this.family));
    state.accepting = undefined;
    try {
      const connection = operation.take();
      this.#ids.delete(connection.id);
      accepted.#ids.add(connection.id);
      accepted.inheritOptions(this);
      return [accepted, ...accepted.#open(connection)];
    } catch (error) {
      accepted[Symbol.dispose]();
      throw error;
    }
  }

  localAddress(): IpSocketAddress {
    const state = this.#state;
    if (state.name === "connected") return socketAddress(state.connection.ends.local);
    if ("binding" in state) return socketAddress(state.binding.local);
    throw new WasiError("invalid-state");
  }

  remoteAddress(): IpSocketAddress {
    if (this.#state.name !== "connected") throw new WasiError("invalid-state");
    return socketAddress(this.#state.connection.ends.remote);
  }

  isListening(): boolean {
    return this.#state.name === "listening";
  }

  /** Ignores the hint, because Deno cannot set the backlog. */
  setListenBacklogSize(value: bigint): void {
    if (value === 0n) throw new WasiError("invalid-argument");
    if (["connect-in-progress", "connected", "closed"].includes(this.#state.name)) {
      throw new WasiError("invalid-state");
    }
  }

  shutdown(type: "receive" | "send" | "both"): void {
    if (this.#state.name !== "connected") throw new WasiError("invalid-state");
    const { connection, input, output } = this.#state;
    if (type !== "send") input.close();
    if (type === "receive" || OutputStream.isClosed(output)) return;
    OutputStream.close(output);
    this.guest.session.notify("finish", { socket: connection.id });
  }

  [Symbol.dispose](): void {
    this.#state = { name: "closed" };
    for (const id of this.#ids) this.#close(id);
    this.guest.release(this);
  }

  protected override requireOpen(): void {
    if (this.#state.name === "closed") throw new WasiError("invalid-state");
  }

  protected override applyKeepAlive(isOn: boolean): void {
    if (this.#state.name !== "connected") return;
    this.guest.session.notify("keepAlive", { socket: this.#state.connection.id, isOn });
  }

  protected override get operation(): Operation<unknown> | undefined {
    const state = this.#state;
    if ("operation" in state) return state.operation;
    if (state.name !== "listening") return undefined;
    return state.accepting ??= this.#accept(state.binding.listener!);
  }

  async #bind(requested: Endpoint): Promise<Binding> {
    const listener = this.#newId();
    const local = await this.guest.session.request("listen", {
      socket: listener,
      local: requested,
    });
    return { requested, local, listener };
  }

  async #connect(remote: Endpoint, binding: Binding | undefined): Promise<TcpConnection> {
    if (binding?.listener !== undefined) this.#close(binding.listener);
    const id = this.#newId();
    const ends = await this.guest.session.request("connect", { socket: id, remote });
    const ip = binding?.requested.ip;
    if (ip === undefined || isUnspecifiedIp(ip) || ip === ends.local.ip) return { id, ends };
    this.#close(id);
    const message = `the system connects to ${formatEndpoint(remote)} from ${ends.local.ip}`;
    throw new SocketFailure({ code: "not-supported", message });
  }

  #accept(listener: number): Operation<TcpConnection> {
    const id = this.#newId();
    const accepted = this.guest.session.request("accept", { socket: listener, as: id });
    return new Operation(accepted.then((ends) => ({ id, ends })));
  }

  #open(connection: TcpConnection): [InputStream, OutputStream] {
    const { session } = this.guest;
    const socket = connection.id;
    const input = new BufferedInput((atMost) => session.request("read", { socket, atMost }));
    const output = OutputStream.pipelined((bytes) => session.write(socket, bytes));
    this.#state = { name: "connected", connection, input, output };
    if (this.keepAliveEnabled()) this.applyKeepAlive(true);
    return [new InputStream(input, () => input.close()), output];
  }

  #newId(): number {
    const id = this.guest.session.newSocketId();
    this.#ids.add(id);
    return id;
  }

  #close(id: number): void {
    this.#ids.delete(id);
    this.guest.session.notify("close", { socket: id });
  }

  /** @throws WasiError unless the socket is in one of the states */
  #require(...names: TcpState["name"][]): void {
    const { name } = this.#state;
    if (names.includes(name)) return;
    throw new WasiError(name.endsWith("-in-progress") ? "concurrency-conflict" : "invalid-state");
  }

  #inProgress<N extends TcpState["name"]>(name: N): TcpState & { name: N } {
    if (this.#state.name !== name) throw new WasiError("not-in-progress");
    return this.#state as TcpState & { name: N };
  }

  /** Returns the result of an operation; if it failed, the socket enters the state `failed`. */
  #finish<T>(operation: Operation<T>, failed: TcpState): T {
    try {
      return operation.take();
    } catch (error) {
      if (operation.isDone) this.#state = failed;
      throw error;
    }
  }
}
