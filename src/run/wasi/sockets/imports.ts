import { IncomingDatagramStream, OutgoingDatagramStream } from "./datagrams.ts";
import type { GuestNetwork } from "./guest_network.ts";
import { lookupImports } from "./lookup.ts";
import { type IpAddressFamily, Network, networkErrorCode } from "./network.ts";
import { TcpSocket } from "./tcp.ts";
import { UdpSocket } from "./udp.ts";

/** `wasi:sockets`. */
export function socketImports(guest: GuestNetwork): Record<string, object> {
  return {
    "wasi:sockets/network": { Network, networkErrorCode },
    "wasi:sockets/instance-network": { instanceNetwork: () => new Network() },
    "wasi:sockets/tcp": { TcpSocket },
    "wasi:sockets/tcp-create-socket": {
      createTcpSocket: (family: IpAddressFamily) => guest.hold(new TcpSocket(guest, family)),
    },
    "wasi:sockets/udp": { UdpSocket, IncomingDatagramStream, OutgoingDatagramStream },
    "wasi:sockets/udp-create-socket": {
      createUdpSocket: (family: IpAddressFamily) => guest.hold(new UdpSocket(guest, family)),
    },
    "wasi:sockets/ip-name-lookup": lookupImports(guest),
  };
}
