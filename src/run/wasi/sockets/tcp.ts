import {
  type Endpoint,
  formatEndpoint,
  isUnspecified,
  isUnspecifiedIp,
} from "../../grants/endpoint.ts";
import { type ConnectionEnds, SocketFailure } from "../../sockets/messages.ts";
import { BufferedInput, InputStream } from "../io/input_stream.ts";
import { OutputStream } from "../io/output_stream.ts";
import { WasiError } from "../errors.ts";
import type { GuestNetwork } from "./guest_network.ts";
import {
  type IpAddressFamily,
  type IpSocketAddress,
  isUnicast,
  localEndpoint,
  type Network,
  remoteEndpoint,
  socketAddress,
} from "./network.ts";
import { Operation } from "./operation.ts";
import { TcpOptions } from "./options.ts";

/** What a socket is. Source: wasi-sockets, TcpSocketOperationalSemantics.md. */
type State =
  | { readonly name: "unbound" | "closed" }
  | { readonly name: "bind-in-progress"; readonly operation: Operation<Binding> }
  | { readonly name: "bound" | "listen-in-progress"; readonly binding: Binding }
  | {
    readonly name: "listening";
    readonly binding: Binding;
    next: Operation<TcpConnection> | undefined;
  }
  | { readonly name: "connect-in-progress"; readonly operation: Operation<TcpConnection> }
  | {
    readonly name: "connected";
    readonly link: TcpConnection;
    readonly intake: BufferedInput;
    readonly output: OutputStream;
  };

/** Where a socket is bound. */
interface Binding {
  /** What the guest asked for. */
  readonly requested: Endpoint;
  readonly local: Endpoint;
  /** Undefined where it may not listen: then it is not bound in truth before it connects. */
  readonly listener: number | undefined;
}

/** A connection, and the number by which the thread that has the sockets knows it. */
interface TcpConnection {
  readonly id: number;
  readonly ends: ConnectionEnds;
}

/** `wasi:sockets/tcp`'s tcp-socket. */
export class TcpSocket extends TcpOptions implements Disposable {
  #state: State = { name: "unbound" };
  /** The numbers of all that is to be closed with this one: what it listens with, connections, the next one. */
  readonly #ids = new Set<number>();

  static of(guest: GuestNetwork, family: IpAddressFamily): TcpSocket {
    return TcpSocket.give(new TcpSocket(), guest, family);
  }

  startBind(_network: Network, address: IpSocketAddress): void {
    this.#require("unbound");
    const wanted = localEndpoint(address, this.family);
    if (!isUnicast(wanted.ip)) throw new WasiError("invalid-argument");
    // One that leaves all to the system may be for a connection to elsewhere.
    if (!isUnspecified(wanted)) this.guest.requireBind("tcp", wanted);
    const binding = this.guest.grants.mayBind("tcp", wanted)
      ? this.#bind(wanted)
      : Promise.resolve({ requested: wanted, local: wanted, listener: undefined });
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
    // Deno connects from ports of the system's choice.
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
    const { binding } = this.#state as State & { name: "bound" };
    this.#state = { name: "closed" };
    this.guest.requireBind("tcp", binding.requested);
    this.#state = { name: "listen-in-progress", binding };
  }

  finishListen(): void {
    const { binding } = this.#inProgress("listen-in-progress");
    this.#state = { name: "listening", binding, next: undefined };
  }

  accept(): [TcpSocket, InputStream, OutputStream] {
    const state = this.#state;
    if (state.name !== "listening") throw new WasiError("invalid-state");
    const operation = state.next ??= this.#accept(state.binding.listener!);
    if (!operation.isDone) throw new WasiError("would-block");
    // Where there are too many sockets, the connection waits for the next call.
    const accepted = TcpSocket.of(this.guest, this.family);
    state.next = undefined;
    try {
      const link = operation.take();
      this.#ids.delete(link.id);
      accepted.#ids.add(link.id);
      accepted.inheritOptions(this);
      return [accepted, ...accepted.#open(link)];
    } catch (error) {
      accepted[Symbol.dispose]();
      throw error;
    }
  }

  localAddress(): IpSocketAddress {
    const state = this.#state;
    if (state.name === "connected") return socketAddress(state.link.ends.local);
    if ("binding" in state) return socketAddress(state.binding.local);
    throw new WasiError("invalid-state");
  }

  remoteAddress(): IpSocketAddress {
    if (this.#state.name !== "connected") throw new WasiError("invalid-state");
    return socketAddress(this.#state.link.ends.remote);
  }

  isListening(): boolean {
    return this.#state.name === "listening";
  }

  /** A hint, which Deno cannot take. */
  setListenBacklogSize(value: bigint): void {
    if (value === 0n) throw new WasiError("invalid-argument");
    if (["connect-in-progress", "connected", "closed"].includes(this.#state.name)) {
      throw new WasiError("invalid-state");
    }
  }

  shutdown(type: "receive" | "send" | "both"): void {
    if (this.#state.name !== "connected") throw new WasiError("invalid-state");
    const { link, intake, output } = this.#state;
    if (type !== "send") intake.close();
    if (type === "receive" || OutputStream.isClosed(output)) return;
    OutputStream.close(output);
    this.guest.session.notify("finish", { socket: link.id });
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
    this.guest.session.notify("keepAlive", { socket: this.#state.link.id, isOn });
  }

  protected override get operation(): Operation<unknown> | undefined {
    const state = this.#state;
    if ("operation" in state) return state.operation;
    if (state.name !== "listening") return undefined;
    return state.next ??= this.#accept(state.binding.listener!);
  }

  async #bind(wanted: Endpoint): Promise<Binding> {
    const listener = this.#newId();
    const local = await this.guest.session.request("listen", { socket: listener, local: wanted });
    return { requested: wanted, local, listener };
  }

  async #connect(remote: Endpoint, binding: Binding | undefined): Promise<TcpConnection> {
    if (binding?.listener !== undefined) this.#close(binding.listener);
    const id = this.#newId();
    const ends = await this.guest.session.request("connect", { socket: id, remote });
    const ip = binding?.requested.ip;
    if (ip === undefined || isUnspecifiedIp(ip) || ip === ends.local.ip) return { id, ends };
    this.#close(id);
    const message = `the way to ${formatEndpoint(remote)} begins at ${ends.local.ip}`;
    throw new SocketFailure({ code: "not-supported", message });
  }

  #accept(listener: number): Operation<TcpConnection> {
    const id = this.#newId();
    const accepted = this.guest.session.request("accept", { socket: listener, as: id });
    return new Operation(accepted.then((ends) => ({ id, ends })));
  }

  #open(link: TcpConnection): [InputStream, OutputStream] {
    const { session } = this.guest;
    const socket = link.id;
    const intake = new BufferedInput((atMost) => session.request("read", { socket, atMost }));
    const output = OutputStream.pipelined((bytes) => session.write(socket, bytes));
    this.#state = { name: "connected", link, intake, output };
    if (this.keepAliveEnabled()) this.applyKeepAlive(true);
    return [new InputStream(intake, () => intake.close()), output];
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

  /** @throws Refused where the socket is in none of the states */
  #require(...names: State["name"][]): void {
    const { name } = this.#state;
    if (names.includes(name)) return;
    throw new WasiError(name.endsWith("-in-progress") ? "concurrency-conflict" : "invalid-state");
  }

  #inProgress<N extends State["name"]>(name: N): State & { name: N } {
    if (this.#state.name !== name) throw new WasiError("not-in-progress");
    return this.#state as State & { name: N };
  }

  /** The result of an operation; where that failed, the socket is in another state from then on. */
  #finish<T>(operation: Operation<T>, failed: State): T {
    try {
      return operation.take();
    } catch (error) {
      if (operation.isDone) this.#state = failed;
      throw error;
    }
  }
}
