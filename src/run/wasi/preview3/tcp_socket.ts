import { SocketFailure } from "../../sockets/messages.ts";
import type { InputStream } from "../io/input_stream.ts";
import type { OutputStream } from "../io/output_stream.ts";
import { guestCode, type IpSocketAddress } from "../sockets/network.ts";
import type { TcpSocket as TcpSocket2 } from "../sockets/tcp.ts";
import type { GuestTask } from "./guest_task.ts";
import { anyAddress, call, codeOf, type ErrorCode, NETWORK, Socket } from "./socket.ts";
import { failedStream, type GuestStream, type Outcome, readable, write } from "./streams.ts";

/** The streams of a connection. */
interface Connection {
  input: InputStream | undefined;
  output: OutputStream | undefined;
}

/** `tcp-socket` of `wasi:sockets/types` 0.3: that of 0.2, whose operations end when their promises do. */
export class TcpSocket extends Socket<TcpSocket2> implements Disposable {
  readonly #task: GuestTask;
  #isBound = false;
  #isDropped = false;
  /** The streams that the guest has taken and not ended. */
  #streams = 0;
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
    this.#streams++;
    const [stream, outcome] = readable(input, streamCode);
    void outcome.finally(() => this.#release());
    return [stream, outcome];
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

  /** Closes the socket, once the streams that the guest has taken have ended: they go on without it. */
  [Symbol.dispose](): void {
    this.#isDropped = true;
    if (this.#streams === 0) this.socket[Symbol.dispose]();
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
    this.#streams++;
    const outcome = await write(stream, output, streamCode);
    this.socket.shutdown("send");
    this.#release();
    return outcome;
  }

  #release(): void {
    this.#streams--;
    if (this.#isDropped && this.#streams === 0) this.socket[Symbol.dispose]();
  }
}

/** Returns the error code for the cause of a stream's failure; undefined if the peer has closed the connection. */
function streamCode(cause: unknown): ErrorCode {
  if (cause === undefined) return { tag: "connection-broken" };
  return cause instanceof SocketFailure ? codeOf(guestCode(cause)) : { tag: "other" };
}
