import type { GuestNetwork } from "../sockets/guest_network.ts";
import { lookupImports as lookupImports2, type ResolveAddressStream } from "../sockets/lookup.ts";
import type { IpAddress, IpAddressFamily } from "../sockets/network.ts";
import { TcpSocket as TcpSocket2 } from "../sockets/tcp.ts";
import { UdpSocket as UdpSocket2 } from "../sockets/udp.ts";
import type { GuestTask } from "./guest_task.ts";
import { call, NETWORK } from "./socket.ts";
import { TcpSocket } from "./tcp_socket.ts";
import { UdpSocket } from "./udp_socket.ts";

/** `wasi:sockets` 0.3. */
export function socketImports(guest: GuestNetwork, task: GuestTask): Record<string, object> {
  return {
    "wasi3:sockets/types": {
      TcpSocket: class extends TcpSocket {
        static create(family: IpAddressFamily): TcpSocket {
          return call(() => new this(guest.hold(new TcpSocket2(guest, family)), task));
        }
      },
      UdpSocket: class extends UdpSocket {
        static create(family: IpAddressFamily): UdpSocket {
          return call(() => new this(guest.hold(new UdpSocket2(guest, family))));
        }
      },
    },
    "wasi3:sockets/ip-name-lookup": {
      async resolveAddresses(name: string): Promise<IpAddress[]> {
        const { resolveAddresses } = lookupImports2(guest);
        using addresses: ResolveAddressStream = call(() => resolveAddresses(NETWORK, name));
        await addresses.subscribe().block();
        const found: IpAddress[] = [];
        call(() => {
          for (let next; (next = addresses.resolveNextAddress());) found.push(next);
        });
        return found;
      },
    },
  };
}
