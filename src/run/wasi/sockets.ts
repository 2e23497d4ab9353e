import type { Refusals } from "./refusals.ts";
import { Refused } from "./result.ts";

class Network {}
class TcpSocket {}
class UdpSocket {}
class IncomingDatagramStream {}
class OutgoingDatagramStream {}
class ResolveAddressStream {}

/**
 * `wasi:sockets`, of which there is nothing: every way to a socket is an error that the guest sees.
 *
 * The methods need not be there, since nothing ever has a socket to call them on.
 */
export function socketImports(refusals: Refusals): Record<string, object> {
  const refuse = (): never => {
    refusals.sockets();
    throw new Refused("not-supported");
  };
  return {
    "wasi:sockets/network": { Network },
    "wasi:sockets/instance-network": { instanceNetwork: () => new Network() },
    "wasi:sockets/tcp": { TcpSocket },
    "wasi:sockets/tcp-create-socket": { createTcpSocket: refuse },
    "wasi:sockets/udp": { UdpSocket, IncomingDatagramStream, OutgoingDatagramStream },
    "wasi:sockets/udp-create-socket": { createUdpSocket: refuse },
    "wasi:sockets/ip-name-lookup": { ResolveAddressStream, resolveAddresses: refuse },
  };
}
