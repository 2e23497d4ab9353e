import { Pollable, Waitable } from "../io/poll.ts";
import type { GuestNetwork } from "./guest_network.ts";
import type { IpAddressFamily } from "./network.ts";
import type { Operation } from "./operation.ts";

/** What sockets of both kinds are: a guest's, of one family, and waited for by what is under way with them. */
export abstract class Socket {
  protected guest!: GuestNetwork;
  protected family!: IpAddressFamily;
  readonly #waitable = new Waitable(
    () => this.operation?.isDone ?? true,
    () => this.operation?.wait() ?? Promise.resolve(),
  );

  /** Gives a new socket to a guest. @throws Refused with `new-socket-limit` */
  protected static give<T extends Socket & Disposable>(
    socket: T,
    guest: GuestNetwork,
    family: IpAddressFamily,
  ): T {
    socket.guest = guest;
    socket.family = family;
    return guest.hold(socket);
  }

  addressFamily(): IpAddressFamily {
    return this.family;
  }

  subscribe(): Pollable {
    return new Pollable(this.#waitable);
  }

  /** What a guest that polls the socket waits for. */
  protected abstract get operation(): Operation<unknown> | undefined;
}
