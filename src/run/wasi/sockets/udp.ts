import { type Endpoint, isUnspecified } from "../../grants/endpoint.ts";
import { WasiError } from "../errors.ts";
import {
  DatagramQueue,
  type IncomingDatagramStream,
  type OutgoingDatagramStream,
} from "./datagrams.ts";
import {
  type IpSocketAddress,
  localEndpoint,
  type Network,
  remoteEndpoint,
  socketAddress,
} from "./network.ts";
import { Operation } from "./operation.ts";
import { UdpOptions } from "./socket.ts";

type UdpState =
  | { readonly name: "unbound" }
  | { readonly name: "bind-in-progress"; readonly operation: Operation<Endpoint> }
  | { readonly name: "bound"; readonly local: Endpoint };

/** `udp-socket` of `wasi:sockets/udp`. */
export class UdpSocket extends UdpOptions implements Disposable {
  #state: UdpState = { name: "unbound" };
  /** Undefined until the guest binds the socket. */
  #queue: DatagramQueue | undefined;

  startBind(_network: Network, address: IpSocketAddress): void {
    if (this.operation) throw new WasiError("concurrency-conflict");
    if (this.#state.name === "bound") throw new WasiError("invalid-state");
    const local = localEndpoint(address, this.family);
    // A socket without address and port only receives replies.
    if (!isUnspecified(local)) this.guest.requireBind("udp", local);
    const { session } = this.guest;
    const socket = session.newSocketId();
    this.#queue = new DatagramQueue(this.guest, this.family, socket);
    const operation = new Operation(session.request("bindDatagrams", { socket, local }));
    this.#state = { name: "bind-in-progress", operation };
  }

  finishBind(): void {
    const operation = this.operation;
    if (!operation) throw new WasiError("not-in-progress");
    if (operation.isDone) this.#state = { name: "unbound" };
    this.#state = { name: "bound", local: operation.take() };
  }

  stream(
    address: IpSocketAddress | undefined,
  ): [IncomingDatagramStream, OutgoingDatagramStream] {
    if (this.#state.name !== "bound") throw new WasiError("invalid-state");
    const remote = address && remoteEndpoint(address, this.family);
    if (remote) this.guest.requireReach("udp", remote);
    return this.#queue!.open(remote);
  }

  localAddress(): IpSocketAddress {
    if (this.#state.name !== "bound") throw new WasiError("invalid-state");
    return socketAddress(this.#state.local);
  }

  remoteAddress(): IpSocketAddress {
    const remote = this.#queue?.remote;
    if (!remote) throw new WasiError("invalid-state");
    return socketAddress(remote);
  }

  [Symbol.dispose](): void {
    this.#queue?.close();
    this.guest.release(this);
  }

  protected override requireOpen(): void {}

  protected override get operation(): Operation<Endpoint> | undefined {
    return this.#state.name === "bind-in-progress" ? this.#state.operation : undefined;
  }
}
