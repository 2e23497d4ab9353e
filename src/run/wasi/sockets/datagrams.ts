import { type Endpoint, isSameEndpoint } from "../../grants/endpoint.ts";
import { type Datagram, SocketFailure } from "../../sockets/messages.ts";
import { Pollable, Waitable } from "../io/poll.ts";
import { trap, WasiError } from "../errors.ts";
import type { GuestNetwork } from "./guest_network.ts";
import {
  guestCode,
  type IpAddressFamily,
  type IpSocketAddress,
  remoteEndpoint,
  socketAddress,
} from "./network.ts";

/** So many datagrams wait for a guest to take them, and so many of its own to leave; the system keeps more. */
export const MAX_DATAGRAMS = 16;

/** The most bytes that a datagram can carry. */
const MAX_BYTES: Readonly<Record<IpAddressFamily, number>> = { ipv4: 65_507, ipv6: 65_527 };

/** What came to a bound socket and was not taken, and what is on its way from it. */
export class DatagramQueue {
  readonly guest: GuestNetwork;
  readonly family: IpAddressFamily;
  /** The number by which the thread that has the sockets knows it. */
  readonly #id: number;
  readonly #received: Datagram[] = [];
  #receiving: Promise<void> | undefined;
  #sending = 0;
  /** Resolves when the next datagram has left, or failed to. */
  #sent = Promise.withResolvers<void>();
  #failure: unknown;
  /** Which streams it is for, and whom those are to; older ones have no use any more. */
  #flow: StreamPair | undefined;

  constructor(guest: GuestNetwork, family: IpAddressFamily, id: number) {
    this.guest = guest;
    this.family = family;
    this.#id = id;
  }

  /** Whom the streams are to; undefined without streams, and for those to anybody. */
  get remote(): Endpoint | undefined {
    return this.#flow?.remote;
  }

  /** Gives out new streams; older ones have no use any more. */
  open(remote: Endpoint | undefined): [IncomingDatagramStream, OutgoingDatagramStream] {
    const flow = this.#flow = { queue: this, remote };
    return [IncomingDatagramStream.of(flow), OutgoingDatagramStream.of(flow)];
  }

  close(): void {
    this.#flow = undefined;
    this.guest.session.notify("close", { socket: this.#id });
  }

  isOpen(flow: StreamPair): boolean {
    return this.#flow === flow;
  }

  /** Whether there is something to tell to who receives; has it fetched if there is not. */
  hasReceived({ remote }: StreamPair): boolean {
    while (remote && this.#received[0] && !isSameEndpoint(this.#received[0].remote, remote)) {
      this.#received.shift();
    }
    this.#receive();
    return this.#received.length > 0 || this.#failure !== undefined;
  }

  received(): Promise<void> {
    return this.#receiving ?? Promise.resolve();
  }

  /**
   * So many that came, at most. A failure is told of once there is nothing else to tell.
   * @throws Refused
   */
  take(flow: StreamPair, atMost: bigint): Datagram[] {
    const taken: Datagram[] = [];
    while (taken.length < atMost && this.hasReceived(flow)) {
      const datagram = this.#received.shift();
      if (datagram) taken.push(datagram);
      else if (taken.length > 0) break;
      else this.throwFailure();
    }
    return taken;
  }

  /** How many more can be on their way. */
  get room(): number {
    return MAX_DATAGRAMS - this.#sending;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  sent(): Promise<void> {
    return this.#sent.promise;
  }

  send(datagram: Datagram): void {
    this.#sending++;
    this.guest.session.request("send", { socket: this.#id, ...datagram })
      .catch((error) => this.#failure = error)
      .finally(() => {
        this.#sending--;
        this.#sent.resolve();
        this.#sent = Promise.withResolvers();
      });
  }

  /** Tells of a failure, once. @throws Refused */
  throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure instanceof SocketFailure) throw new WasiError(guestCode(failure));
    if (failure !== undefined) throw failure;
  }

  #receive(): void {
    if (this.#receiving || this.#failure || this.#received.length >= MAX_DATAGRAMS) return;
    this.#receiving = this.guest.session.request("receive", { socket: this.#id })
      .then((datagram) => void this.#received.push(datagram), (error) => this.#failure = error)
      .finally(() => {
        this.#receiving = undefined;
        this.#receive();
      });
  }
}

/** What a pair of streams belongs to. */
interface StreamPair {
  readonly queue: DatagramQueue;
  /** Undefined for anybody. */
  readonly remote: Endpoint | undefined;
}

/** `wasi:sockets/udp`'s incoming-datagram-stream. */
export class IncomingDatagramStream {
  #flow!: StreamPair;
  readonly #waitable = new Waitable(
    () => !this.#flow.queue.isOpen(this.#flow) || this.#flow.queue.hasReceived(this.#flow),
    () => this.#flow.queue.received(),
  );

  static of(flow: StreamPair): IncomingDatagramStream {
    const stream = new IncomingDatagramStream();
    stream.#flow = flow;
    return stream;
  }

  receive(atMost: bigint): { data: Uint8Array; remoteAddress: IpSocketAddress }[] {
    const { queue } = this.#flow;
    if (!queue.isOpen(this.#flow)) throw new WasiError("invalid-state");
    return queue.take(this.#flow, atMost).map(({ bytes, remote }) => ({
      data: bytes,
      remoteAddress: socketAddress(remote),
    }));
  }

  subscribe(): Pollable {
    return new Pollable(this.#waitable);
  }
}

interface OutgoingDatagram {
  readonly data: Uint8Array;
  readonly remoteAddress?: IpSocketAddress;
}

/** `wasi:sockets/udp`'s outgoing-datagram-stream. */
export class OutgoingDatagramStream {
  #flow!: StreamPair;
  #permitted = 0;
  readonly #waitable = new Waitable(
    () => {
      const { queue } = this.#flow;
      return !queue.isOpen(this.#flow) || queue.room > 0 || queue.hasFailed;
    },
    () => this.#flow.queue.sent(),
  );

  static of(flow: StreamPair): OutgoingDatagramStream {
    const stream = new OutgoingDatagramStream();
    stream.#flow = flow;
    return stream;
  }

  checkSend(): bigint {
    this.#requireOpen();
    this.#permitted = this.#flow.queue.room;
    return BigInt(this.#permitted);
  }

  send(datagrams: readonly OutgoingDatagram[]): bigint {
    if (datagrams.length > this.#permitted) trap("more was sent than check-send allowed");
    this.#permitted = 0;
    this.#requireOpen();
    let count = 0n;
    try {
      for (const datagram of datagrams) {
        this.#flow.queue.send(this.#checked(datagram));
        count++;
      }
    } catch (error) {
      if (count === 0n) throw error;
    }
    return count;
  }

  subscribe(): Pollable {
    return new Pollable(this.#waitable);
  }

  #requireOpen(): void {
    const { queue } = this.#flow;
    if (!queue.isOpen(this.#flow)) throw new WasiError("invalid-state");
    queue.throwFailure();
  }

  /** @throws Refused */
  #checked({ data, remoteAddress }: OutgoingDatagram): Datagram {
    const { queue, remote: fixed } = this.#flow;
    if (data.length > MAX_BYTES[queue.family]) throw new WasiError("datagram-too-large");
    const remote = remoteAddress ? remoteEndpoint(remoteAddress, queue.family) : fixed;
    if (!remote || (fixed && !isSameEndpoint(fixed, remote))) {
      throw new WasiError("invalid-argument");
    }
    queue.guest.requireReach("udp", remote);
    return { bytes: data, remote };
  }
}
