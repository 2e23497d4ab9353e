import { WasiError } from "../errors.ts";
import type { IpSocketAddress } from "../sockets/network.ts";
import type { UdpSocket as UdpSocket2 } from "../sockets/udp.ts";
import { anyAddress, call, NETWORK, Socket } from "./socket.ts";

/** `udp-socket` of `wasi:sockets/types` 0.3. */
export class UdpSocket extends Socket<UdpSocket2> implements Disposable {
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

function isLoopback({ tag, val: { address } }: IpSocketAddress): boolean {
  return tag === "ipv4" ? address[0] === 127 : address.join() === "0,0,0,0,0,0,0,1";
}
