import type { SocketSettings } from "../network/grants.ts";
import type { Lifetime } from "./lifetime.ts";
import type { Refusals } from "./refusals.ts";
import { IncomingDatagramStream, OutgoingDatagramStream } from "./sockets/datagrams.ts";
import { GuestNetwork } from "./sockets/guest_network.ts";
import { lookupImports } from "./sockets/lookup.ts";
import { type IpAddressFamily, Network, networkErrorCode } from "./sockets/network.ts";
import type { Sessions } from "./sockets/session.ts";
import { TcpSocket } from "./sockets/tcp.ts";
import { UdpSocket } from "./sockets/udp.ts";

/** `wasi:sockets`. */
export function socketImports(
  settings: SocketSettings,
  refusals: Refusals,
  sessions: Sessions,
  lifetime: Lifetime,
): Record<string, object> {
  const guest = new GuestNetwork(settings, refusals, sessions, lifetime);
  return {
    "wasi:sockets/network": { Network, networkErrorCode },
    "wasi:sockets/instance-network": { instanceNetwork: () => new Network() },
    "wasi:sockets/tcp": { TcpSocket },
    "wasi:sockets/tcp-create-socket": {
      createTcpSocket: (family: IpAddressFamily) => TcpSocket.of(guest, family),
    },
    "wasi:sockets/udp": { UdpSocket, IncomingDatagramStream, OutgoingDatagramStream },
    "wasi:sockets/udp-create-socket": {
      createUdpSocket: (family: IpAddressFamily) => UdpSocket.of(guest, family),
    },
    "wasi:sockets/ip-name-lookup": lookupImports(guest),
  };
}
