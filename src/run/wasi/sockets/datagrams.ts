import { type Endpoint, isSameEndpoint } from "../../grants/endpoint.ts";
import { type Datagram, SocketFailure } from "../../sockets/messages.ts";
import { trap, WasiError } from "../errors.ts";
import { Pollable, Waitable } from "../io/poll.ts";
import type { GuestNetwork } from "./guest_network.ts";
import {
  guestCode,
  type IpAddressFamily,
  type IpSocketAddress,
  remoteEndpoint,
  socketAddress,
} from "./network.ts";

/** Limit on received datagrams that the guest has not taken, and on sent ones that have not left; the system has more. */
export const MAX_DATAGRAMS = 16;

/** The largest payload of a datagram, in bytes. */
const MAX_PAYLOAD: Readonly<Record<IpAddressFamily, number>> = { ipv4: 65_507, ipv6: 65_527 };

/** The datagrams that a bound socket has received and the guest has not, and those that are being sent. */
export class DatagramQueue {
  readonly guest: GuestNetwork;
  readonly family: IpAddressFamily;
  /** The id of the socket in the thread that owns it. */
  readonly #id: number;
  readonly #received: Datagram[] = [];
  #receiving: Promise<void> | undefined;
  #sending = 0;
  /** Resolves when the next datagram is sent or has failed. */
  #sent = Promise.withResolvers<void>();
  #failure: unknown;
  /** The streams in use; those that `open` returned before are closed. */
  #streams: StreamPair | undefined;

  constructor(guest: GuestNetwork, family: IpAddressFamily, id: number) {
    this.guest = guest;
    this.family = family;
    this.#id = id;
  }

  /** The endpoint that the streams are restricted to; undefined without streams or restriction. */
  get remote(): Endpoint | undefined {
    return this.#streams?.remote;
  }

  /** Opens new streams and closes the previous ones. */
  open(remote: Endpoint | undefined): [IncomingDatagramStream, OutgoingDatagramStream] {
    const streams = this.#streams = { queue: this, remote };
    return [new IncomingDatagramStream(streams), new OutgoingDatagramStream(streams)];
  }

  close(): void {
    this.#streams = undefined;
    this.guest.session.notify("close", { socket: this.#id });
  }

  isOpen(streams: StreamPair): boolean {
    return this.#streams === streams;
  }

  /** True if {@link take} has a datagram or a failure; starts receiving otherwise. */
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
   * Takes received datagrams, at most `atMost`. Throws a failure once no datagram is left before it.
   * @throws WasiError with the code of the failure
   */
  take(streams: StreamPair, atMost: bigint): Datagram[] {
    const taken: Datagram[] = [];
    while (taken.length < atMost && this.hasReceived(streams)) {
      const datagram = this.#received.shift();
      if (datagram) taken.push(datagram);
      else if (taken.length > 0) break;
      else this.throwFailure();
    }
    return taken;
  }

  /** The number of datagrams that can be sent now. */
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

  /** Throws a failure, once. @throws WasiError with its code */
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

/** The incoming and the outgoing stream of one call of `stream`. */
interface StreamPair {
  readonly queue: DatagramQueue;
  /** The only endpoint to receive from and send to; undefined for all. */
  readonly remote: Endpoint | undefined;
}

/** `incoming-datagram-stream` of `wasi:sockets/udp`. */
export class IncomingDatagramStream {
  readonly #streams: StreamPair;
  readonly #waitable = new Waitable(
    () =>
      !this.#streams.queue.isOpen(this.#streams) || this.#streams.queue.hasReceived(this.#streams),
    () => this.#streams.queue.received(),
  );

  constructor(streams: StreamPair) {
    this.#streams = streams;
  }

  receive(atMost: bigint): { data: Uint8Array; remoteAddress: IpSocketAddress }[] {
    const { queue } = this.#streams;
    if (!queue.isOpen(this.#streams)) throw new WasiError("invalid-state");
    return queue.take(this.#streams, atMost).map(({ bytes, remote }) => ({
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

/** `outgoing-datagram-stream` of `wasi:sockets/udp`. */
export class OutgoingDatagramStream {
  readonly #streams: StreamPair;
  #permitted = 0;
  readonly #waitable = new Waitable(
    () => {
      const { queue } = this.#streams;
      return !queue.isOpen(this.#streams) || queue.room > 0 || queue.hasFailed;
    },
    () => this.#streams.queue.sent(),
  );

  constructor(streams: StreamPair) {
    this.#streams = streams;
  }

  checkSend(): bigint {
    this.#requireOpen();
    this.#permitted = this.#streams.queue.room;
    return BigInt(this.#permitted);
  }

  send(datagrams: readonly OutgoingDatagram[]): bigint {
    if (datagrams.length > this.#permitted) {
      trap("more datagrams were sent than check-send allowed");
    }
    this.#permitted = 0;
    this.#requireOpen();
    let count = 0n;
    try {
      for (const datagram of datagrams) {
        this.#streams.queue.send(this.#checked(datagram));
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
    const { queue } = this.#streams;
    if (!queue.isOpen(this.#streams)) throw new WasiError("invalid-state");
    queue.throwFailure();
  }

  /** @throws WasiError */
  #checked({ data, remoteAddress }: OutgoingDatagram): Datagram {
    const { queue, remote: fixed } = this.#streams;
    if (data.length > MAX_PAYLOAD[queue.family]) throw new WasiError("datagram-too-large");
    const remote = remoteAddress ? remoteEndpoint(remoteAddress, queue.family) : fixed;
    if (!remote || (fixed && !isSameEndpoint(fixed, remote))) {
      throw new WasiError("invalid-argument");
    }
    queue.guest.requireReach("udp", remote);
    return { bytes: data, remote };
  }
}
