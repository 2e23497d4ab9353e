import { WasiError } from "../errors.ts";
import { Socket } from "./socket.ts";

/** The options of a socket. Sizes are bytes, times nanoseconds. */
interface Options {
  hopLimit: number;
  receiveBufferSize: bigint;
  sendBufferSize: bigint;
  keepAliveEnabled: boolean;
  keepAliveIdleTime: bigint;
  keepAliveInterval: bigint;
  keepAliveCount: number;
}

/** What Linux has where nobody says otherwise. */
const DEFAULTS: Options = {
  hopLimit: 64,
  receiveBufferSize: 212_992n,
  sendBufferSize: 212_992n,
  keepAliveEnabled: false,
  keepAliveIdleTime: 7_200_000_000_000n,
  keepAliveInterval: 75_000_000_000n,
  keepAliveCount: 9,
};

/** A socket that keeps what the guest says of its options. Deno can set no more than whether it is kept alive. */
abstract class SocketWithOptions extends Socket {
  #values: Options = { ...DEFAULTS };

  receiveBufferSize(): bigint {
    return this.option("receiveBufferSize");
  }

  setReceiveBufferSize(value: bigint): void {
    this.setOption("receiveBufferSize", value);
  }

  sendBufferSize(): bigint {
    return this.option("sendBufferSize");
  }

  setSendBufferSize(value: bigint): void {
    this.setOption("sendBufferSize", value);
  }

  /** @throws Refused with `invalid-state` where the socket is closed */
  protected abstract requireOpen(): void;

  protected option<K extends keyof Options>(name: K): Options[K] {
    this.requireOpen();
    return this.#values[name];
  }

  protected setOption<K extends keyof Options>(name: K, value: Options[K]): void {
    this.requireOpen();
    if (value === 0 || value === 0n) throw new WasiError("invalid-argument");
    this.#values[name] = value;
  }

  protected inheritOptions(from: SocketWithOptions): void {
    this.#values = { ...from.#values };
  }
}

/** The options of `wasi:sockets/tcp`'s tcp-socket. */
export abstract class TcpOptions extends SocketWithOptions {
  keepAliveEnabled(): boolean {
    return this.option("keepAliveEnabled");
  }

  setKeepAliveEnabled(value: boolean): void {
    this.setOption("keepAliveEnabled", value);
    this.applyKeepAlive(value);
  }

  keepAliveIdleTime(): bigint {
    return this.option("keepAliveIdleTime");
  }

  setKeepAliveIdleTime(value: bigint): void {
    this.setOption("keepAliveIdleTime", value);
  }

  keepAliveInterval(): bigint {
    return this.option("keepAliveInterval");
  }

  setKeepAliveInterval(value: bigint): void {
    this.setOption("keepAliveInterval", value);
  }

  keepAliveCount(): number {
    return this.option("keepAliveCount");
  }

  setKeepAliveCount(value: number): void {
    this.setOption("keepAliveCount", value);
  }

  hopLimit(): number {
    return this.option("hopLimit");
  }

  setHopLimit(value: number): void {
    this.setOption("hopLimit", value);
  }

  /** Has the system do what was said, if there is a connection yet. */
  protected abstract applyKeepAlive(isOn: boolean): void;
}

/** The options of `wasi:sockets/udp`'s udp-socket. */
export abstract class UdpOptions extends SocketWithOptions {
  unicastHopLimit(): number {
    return this.option("hopLimit");
  }

  setUnicastHopLimit(value: number): void {
    this.setOption("hopLimit", value);
  }
}
