import { SocketFailure } from "../../sockets/messages.ts";
import { WasiError } from "../errors.ts";
import type { InputStream } from "../io/input_stream.ts";
import type { OutputStream } from "../io/output_stream.ts";
import type { GuestNetwork } from "../sockets/guest_network.ts";
import { lookupImports as lookupImports2, type ResolveAddressStream } from "../sockets/lookup.ts";
import {
  guestCode,
  type IpAddress,
  type IpAddressFamily,
  type IpSocketAddress,
  Network,
} from "../sockets/network.ts";
import type { TcpOptions, UdpOptions } from "../sockets/socket.ts";
import { TcpSocket as TcpSocket2 } from "../sockets/tcp.ts";
import { UdpSocket as UdpSocket2 } from "../sockets/udp.ts";
import type { GuestTask } from "./guest_task.ts";
import { failedStream, type GuestStream, type Outcome, readable, write } from "./streams.ts";

/** `error-code` of `wasi:sockets`: a variant in 0.3. */
interface ErrorCode {
  readonly tag: string;
  readonly val?: string;
}

/** The codes of 0.2 that 0.3 has under another name, or not at all. */
const RENAMED: Readonly<Record<string, ErrorCode>> = {
  "concurrency-conflict": { tag: "invalid-state" },
  "not-in-progress": { tag: "invalid-state" },
  "would-block": { tag: "invalid-state" },
  "new-socket-limit": { tag: "other", val: "new-socket-limit" },
  "unknown": { tag: "other" },
};

const NETWORK = new Network();

/** The options that TCP and UDP sockets have in common, under their names of 0.3. */
abstract class Socket<S extends TcpOptions | UdpOptions> {
  protected readonly socket: S;

  constructor(socket: S) {
    this.socket = socket;
  }

  getAddressFamily(): IpAddressFamily {
    return this.socket.addressFamily();
  }

  getReceiveBufferSize(): bigint {
    return call(() => this.socket.receiveBufferSize());
  }

  setReceiveBufferSize(value: bigint): void {
    call(() => this.socket.setReceiveBufferSize(value));
  }

  getSendBufferSize(): bigint {
    return call(() => this.socket.sendBufferSize());
  }

  setSendBufferSize(value: bigint): void {
    call(() => this.socket.setSendBufferSize(value));
  }
}

/** The streams of a connection. */
interface Connection {
  input: InputStream | undefined;
  output: OutputStream | undefined;
}

/** `tcp-socket` of `wasi:sockets/types` 0.3: that of 0.2, whose operations end when their promises do. */
class TcpSocket extends Socket<TcpSocket2> implements Disposable {
  readonly #task: GuestTask;
  #isBound = false;
  #connection: Connection | undefined;

  constructor(socket: TcpSocket2, task: GuestTask) {
    super(socket);
    this.#task = task;
  }

  async bind(address: IpSocketAddress): Promise<void> {
    call(() => this.socket.startBind(NETWORK, address));
    await this.socket.subscribe().block();
    call(() => this.socket.finishBind());
    this.#isBound = true;
  }

  async connect(address: IpSocketAddress): Promise<void> {
    call(() => this.socket.startConnect(NETWORK, address));
    await this.socket.subscribe().block();
    const [input, output] = call(() => this.socket.finishConnect());
    this.#connection = { input, output };
  }

  /** Binds the socket to any port unless it is bound. */
  async listen(): Promise<AsyncIterable<TcpSocket>> {
    if (!this.#isBound && !this.#connection) await this.bind(anyAddress(this.getAddressFamily()));
    call(() => this.socket.startListen());
    call(() => this.socket.finishListen());
    return this.#accepted();
  }

  send(stream: GuestStream<Uint8Array>): Promise<Outcome<ErrorCode>> {
    const output = this.#connection?.output;
    if (!output) {
      stream[Symbol.dispose]();
      return Promise.resolve({ tag: "err", val: { tag: "invalid-state" } });
    }
    this.#connection!.output = undefined;
    return this.#task.track(this.#send(stream, output));
  }

  receive(): [AsyncIterable<Uint8Array> | [], Promise<Outcome<ErrorCode>>] {
    const input = this.#connection?.input;
    if (!input) return failedStream({ tag: "invalid-state" });
    this.#connection!.input = undefined;
    return readable(input, streamCode);
  }

  getLocalAddress(): IpSocketAddress {
    return call(() => this.socket.localAddress());
  }

  getRemoteAddress(): IpSocketAddress {
    return call(() => this.socket.remoteAddress());
  }

  getIsListening(): boolean {
    return this.socket.isListening();
  }

  setListenBacklogSize(value: bigint): void {
    call(() => this.socket.setListenBacklogSize(value));
  }

  getKeepAliveEnabled(): boolean {
    return call(() => this.socket.keepAliveEnabled());
  }

  setKeepAliveEnabled(value: boolean): void {
    call(() => this.socket.setKeepAliveEnabled(value));
  }

  getKeepAliveIdleTime(): bigint {
    return call(() => this.socket.keepAliveIdleTime());
  }

  setKeepAliveIdleTime(value: bigint): void {
    call(() => this.socket.setKeepAliveIdleTime(value));
  }

  getKeepAliveInterval(): bigint {
    return call(() => this.socket.keepAliveInterval());
  }

  setKeepAliveInterval(value: bigint): void {
    call(() => this.socket.setKeepAliveInterval(value));
  }

  getKeepAliveCount(): number {
    return call(() => this.socket.keepAliveCount());
  }

  setKeepAliveCount(value: number): void {
    call(() => this.socket.setKeepAliveCount(value));
  }

  getHopLimit(): number {
    return call(() => this.socket.hopLimit());
  }

  setHopLimit(value: number): void {
    call(() => this.socket.setHopLimit(value));
  }

  [Symbol.dispose](): void {
    // Streams of the connection that were taken go on without the socket.
    if (this.#connection && (!this.#connection.input || !this.#connection.output)) return;
    this.socket[Symbol.dispose]();
  }

  async *#accepted(): AsyncGenerator<TcpSocket> {
    while (true) {
      await this.socket.subscribe().block();
      const [socket, input, output] = this.socket.accept();
      const accepted = new (this.constructor as typeof TcpSocket)(socket, this.#task);
      accepted.#connection = { input, output };
      yield accepted;
    }
  }

  async #send(
    stream: GuestStream<Uint8Array>,
    output: OutputStream,
  ): Promise<Outcome<ErrorCode>> {
    const outcome = await write(stream, output, streamCode);
    this.socket.shutdown("send");
    return outcome;
  }
}

/** `udp-socket` of `wasi:sockets/types` 0.3. */
class UdpSocket extends Socket<UdpSocket2> implements Disposable {
  #streams: ReturnType<UdpSocket2["stream"]> | undefined;
  #remote: IpSocketAddress | undefined;

  async bind(address: IpSocketAddress): Promise<void> {
    call(() => this.socket.startBind(NETWORK, address));
    await this.socket.subscribe().block();
    call(() => this.socket.finishBind());
    this.#open(undefined);
  }

  /** Binds the socket to any port unless it is bound. */
  async connect(address: IpSocketAddress): Promise<void> {
    if (!this.#streams) await this.bind(anyAddress(this.getAddressFamily()));
    this.#open(address);
  }

  disconnect(): void {
    if (!this.#remote) throw new WasiError({ tag: "invalid-state" });
    this.#open(undefined);
  }

  async send(data: Uint8Array, remoteAddress: IpSocketAddress | undefined): Promise<void> {
    if (!remoteAddress && !this.#remote) throw new WasiError({ tag: "invalid-argument" });
    if (!this.#streams) await this.bind(anyAddress(this.getAddressFamily()));
    const [, outgoing] = this.#streams!;
    while (call(() => outgoing.checkSend()) === 0n) await outgoing.subscribe().block();
    call(() => outgoing.send([remoteAddress ? { data, remoteAddress } : { data }]));
  }

  async receive(): Promise<[data: Uint8Array, remoteAddress: IpSocketAddress]> {
    if (!this.#streams) throw new WasiError({ tag: "invalid-state" });
    const [incoming] = this.#streams;
    while (true) {
      await incoming.subscribe().block();
      const [datagram] = call(() => incoming.receive(1n));
      if (datagram) return [datagram.data, datagram.remoteAddress];
    }
  }

  /** The address of a socket that is connected to the own host is that of the remote end, as for the system's. */
  getLocalAddress(): IpSocketAddress {
    const local = call(() => this.socket.localAddress());
    const remote = this.#remote;
    if (!remote || !isLoopback(remote) || local.val.address.some((part) => part !== 0)) {
      return local;
    }
    return { ...local, val: { ...local.val, address: remote.val.address } } as IpSocketAddress;
  }

  getRemoteAddress(): IpSocketAddress {
    return call(() => this.socket.remoteAddress());
  }

  getUnicastHopLimit(): number {
    return call(() => this.socket.unicastHopLimit());
  }

  setUnicastHopLimit(value: number): void {
    call(() => this.socket.setUnicastHopLimit(value));
  }

  [Symbol.dispose](): void {
    this.socket[Symbol.dispose]();
  }

  #open(remote: IpSocketAddress | undefined): void {
    this.#streams = call(() => this.socket.stream(remote));
    this.#remote = remote;
  }
}

/** `wasi:sockets` 0.3. */
export function socketImports(guest: GuestNetwork, task: GuestTask): Record<string, object> {
  return {
    "wasi3:sockets/types": {
      TcpSocket: class extends TcpSocket {
        static create(family: IpAddressFamily): TcpSocket {
          return call(() => new this(guest.hold(new TcpSocket2(guest, family)), task));
        }
      },
      UdpSocket: class extends UdpSocket {
        static create(family: IpAddressFamily): UdpSocket {
          return call(() => new this(guest.hold(new UdpSocket2(guest, family))));
        }
      },
    },
    "wasi3:sockets/ip-name-lookup": {
      async resolveAddresses(name: string): Promise<IpAddress[]> {
        const { resolveAddresses } = lookupImports2(guest);
        using addresses: ResolveAddressStream = call(() => resolveAddresses(NETWORK, name));
        await addresses.subscribe().block();
        const found: IpAddress[] = [];
        call(() => {
          for (let next; (next = addresses.resolveNextAddress());) found.push(next);
        });
        return found;
      },
    },
  };
}

/** Returns the address that leaves the choice of address and port to the system. */
function anyAddress(family: IpAddressFamily): IpSocketAddress {
  return family === "ipv4" ? { tag: "ipv4", val: { port: 0, address: [0, 0, 0, 0] } } : {
    tag: "ipv6",
    val: { port: 0, flowInfo: 0, address: [0, 0, 0, 0, 0, 0, 0, 0], scopeId: 0 },
  };
}

function isLoopback({ tag, val: { address } }: IpSocketAddress): boolean {
  return tag === "ipv4" ? address[0] === 127 : address.join() === "0,0,0,0,0,0,0,1";
}

/** Calls a function of 0.2. @throws WasiError with an error-code of 0.3 */
function call<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof WasiError ? new WasiError(codeOf(error.payload as string)) : error;
  }
}

function codeOf(code: string): ErrorCode {
  return RENAMED[code] ?? { tag: code };
}

/** Returns the error code for the cause of a stream's failure; undefined if the peer has closed the connection. */
function streamCode(cause: unknown): ErrorCode {
  if (cause === undefined) return { tag: "connection-broken" };
  return cause instanceof SocketFailure ? codeOf(guestCode(cause)) : { tag: "other" };
}
