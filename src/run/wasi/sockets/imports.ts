import type { Denials } from "../../grants/denials.ts";
import type { SocketSettings } from "../../grants/socket_grants.ts";
import type { InstanceResources } from "../resources.ts";
import { IncomingDatagramStream, OutgoingDatagramStream } from "./datagrams.ts";
import { GuestNetwork } from "./guest_network.ts";
import { lookupImports } from "./lookup.ts";
import { type IpAddressFamily, Network, networkErrorCode } from "./network.ts";
import type { Sessions } from "./session.ts";
import { TcpSocket } from "./tcp.ts";
import { UdpSocket } from "./udp.ts";

/** `wasi:sockets`. */
export function socketImports(
  settings: SocketSettings,
  denials: Denials,
  sessions: Sessions,
  resources: InstanceResources,
): Record<string, object> {
  const guest = new GuestNetwork(settings, denials, sessions, resources);
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
