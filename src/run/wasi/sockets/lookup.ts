import { canonicalIp, isMappedIp } from "../../grants/endpoint.ts";
import { Pollable, Waitable } from "../io/poll.ts";
import { WasiError } from "../errors.ts";
import type { GuestNetwork } from "./guest_network.ts";
import { type IpAddress, ipAddress, type Network } from "./network.ts";
import { Operation } from "./operation.ts";

/** `wasi:sockets/ip-name-lookup`'s resolve-address-stream. */
export class ResolveAddressStream implements Disposable {
  #guest!: GuestNetwork;
  #found!: Operation<readonly string[]>;
  #next = 0;
  readonly #waitable = new Waitable(() => this.#found.isDone, () => this.#found.wait());

  static of(guest: GuestNetwork, found: Promise<readonly string[]>): ResolveAddressStream {
    const stream = new ResolveAddressStream();
    stream.#guest = guest;
    stream.#found = new Operation(found);
    return guest.hold(stream);
  }

  resolveNextAddress(): IpAddress | undefined {
    const ip = this.#found.take()[this.#next];
    if (ip === undefined) return undefined;
    this.#next++;
    return ipAddress(ip);
  }

  subscribe(): Pollable {
    return new Pollable(this.#waitable);
  }

  [Symbol.dispose](): void {
    this.#guest.release(this);
  }
}

/** `wasi:sockets/ip-name-lookup`. */
export function lookupImports(guest: GuestNetwork): object {
  return {
    ResolveAddressStream,
    resolveAddresses(_network: Network, text: string): ResolveAddressStream {
      const host = hostOf(text);
      if (host.kind === "ip") {
        return ResolveAddressStream.of(guest, Promise.resolve([host.ip]));
      }
      if (!guest.grants.mayLookUp(host.name)) {
        guest.denials.lookup(host.name);
        throw new WasiError("access-denied");
      }
      return ResolveAddressStream.of(guest, lookUp(guest, host.name));
    },
  };
}

async function lookUp(guest: GuestNetwork, name: string): Promise<readonly string[]> {
  const found = await guest.session.request("lookUp", { name });
  guest.grants.learn(name, found);
  return found;
}

type Host =
  | { readonly kind: "ip"; readonly ip: string }
  | { readonly kind: "name"; readonly name: string };

/**
 * An address, or a name in Punycode and lower case.
 * @throws Refused with `invalid-argument`
 */
function hostOf(text: string): Host {
  const bare = /^\[.*\]$/.test(text) ? text.slice(1, -1) : text;
  if (/^[\da-f:.]+$/i.test(bare) && URL.canParse(`http://[${bare}]`)) {
    const ip = canonicalIp(bare);
    if (isMappedIp(ip)) throw new WasiError("invalid-argument");
    return { kind: "ip", ip };
  }
  // What a URL would take for something beside the host.
  const isPlain = text !== "" && !/[\s/\\?#@:%[\]{}|^<>*,]/.test(text);
  const name = isPlain ? URL.parse(`http://${text}`)?.hostname : undefined;
  if (!name) throw new WasiError("invalid-argument");
  return /^[\d.]+$/.test(name) && /\d$/.test(name)
    ? { kind: "ip", ip: name }
    : { kind: "name", name };
}
