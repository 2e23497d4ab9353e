import { WasiError } from "../errors.ts";
import { type IpAddressFamily, type IpSocketAddress, Network } from "../sockets/network.ts";
import type { TcpOptions, UdpOptions } from "../sockets/socket.ts";

/** `error-code` of `wasi:sockets`: a variant in 0.3. */
export interface ErrorCode {
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

export const NETWORK = new Network();

/** The options that TCP and UDP sockets have in common, under their names of 0.3. */
export abstract class Socket<S extends TcpOptions | UdpOptions> {
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

/** Returns the address that leaves the choice of address and port to the system. */
export function anyAddress(family: IpAddressFamily): IpSocketAddress {
  return family === "ipv4" ? { tag: "ipv4", val: { port: 0, address: [0, 0, 0, 0] } } : {
    tag: "ipv6",
    val: { port: 0, flowInfo: 0, address: [0, 0, 0, 0, 0, 0, 0, 0], scopeId: 0 },
  };
}

/** Calls a function of 0.2. @throws WasiError with an error-code of 0.3 */
export function call<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof WasiError ? new WasiError(codeOf(error.payload as string)) : error;
  }
}

export function codeOf(code: string): ErrorCode {
  return RENAMED[code] ?? { tag: code };
}
