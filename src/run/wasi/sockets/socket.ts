import { WasiError } from "../errors.ts";
import { Pollable, Waitable } from "../io/poll.ts";
import type { GuestNetwork } from "./guest_network.ts";
import type { IpAddressFamily } from "./network.ts";
import type { Operation } from "./operation.ts";

/** Sizes are bytes, times are nanoseconds. */
interface Options {
  hopLimit: number;
  receiveBufferSize: bigint;
  sendBufferSize: bigint;
  keepAliveEnabled: boolean;
  keepAliveIdleTime: bigint;
  keepAliveInterval: bigint;
  keepAliveCount: number;
}

/** The defaults of Linux. */
const DEFAULT_OPTIONS: Options = {
  hopLimit: 64,
  receiveBufferSize: 212_992n,
  sendBufferSize: 212_992n,
  keepAliveEnabled: false,
  keepAliveIdleTime: 7_200_000_000_000n,
  keepAliveInterval: 75_000_000_000n,
  keepAliveCount: 9,
};

/**
 * What TCP and UDP sockets have in common.
 *
 * A socket stores the options that the guest sets and returns them, but applies only `keepAliveEnabled`: Deno cannot
 * set the others.
 */
abstract class Socket {
  protected readonly guest: GuestNetwork;
  protected readonly family: IpAddressFamily;
  #options: Options = { ...DEFAULT_OPTIONS };
  readonly #waitable = new Waitable(
    () => this.operation?.isDone ?? true,
    () => this.operation?.wait() ?? Promise.resolve(),
  );

  constructor(guest: GuestNetwork, family: IpAddressFamily) {
    this.guest = guest;
    this.family = family;
  }

  addressFamily(): IpAddressFamily {
    return this.family;
  }

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

  subscribe(): Pollable {
    return new Pollable(this.#waitable);
  }

  /** The operation that a guest that polls the socket waits for. */
  protected abstract get operation(): Operation<unknown> | undefined;

  /** @throws WasiError with `invalid-state` if the socket is closed */
  protected abstract requireOpen(): void;

  protected option<K extends keyof Options>(name: K): Options[K] {
    this.requireOpen();
    return this.#options[name];
  }

  /** @throws WasiError with `invalid-argument` for zero */
  protected setOption<K extends keyof Options>(name: K, value: Options[K]): void {
    this.requireOpen();
    if (value === 0 || value === 0n) throw new WasiError("invalid-argument");
    this.#options[name] = value;
  }

  protected inheritOptions(from: Socket): void {
    this.#options = { ...from.#options };
  }
}

/** The options of `tcp-socket` of `wasi:sockets/tcp`. */
export abstract class TcpOptions extends Socket {
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

  /** Sets the option on the connection if there is one. */
  protected abstract applyKeepAlive(isOn: boolean): void;
}

/** The options of `udp-socket` of `wasi:sockets/udp`. */
export abstract class UdpOptions extends Socket {
  unicastHopLimit(): number {
    return this.option("hopLimit");
  }

  setUnicastHopLimit(value: number): void {
    this.setOption("hopLimit", value);
  }
}
