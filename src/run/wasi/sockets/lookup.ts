import { canonicalIp, isMappedIp } from "../../grants/endpoint.ts";
import { WasiError } from "../errors.ts";
import { Pollable, Waitable } from "../io/poll.ts";
import type { GuestNetwork } from "./guest_network.ts";
import { type IpAddress, ipAddress, type Network } from "./network.ts";
import { Operation } from "./operation.ts";

/** `resolve-address-stream` of `wasi:sockets/ip-name-lookup`. */
export class ResolveAddressStream implements Disposable {
  readonly #guest: GuestNetwork;
  readonly #addresses: Operation<readonly string[]>;
  #next = 0;
  readonly #waitable = new Waitable(() => this.#addresses.isDone, () => this.#addresses.wait());

  constructor(guest: GuestNetwork, addresses: Promise<readonly string[]>) {
    this.#guest = guest;
    this.#addresses = new Operation(addresses);
  }

  resolveNextAddress(): IpAddress | undefined {
    const ip = this.#addresses.take()[this.#next];
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
export function lookupImports(guest: GuestNetwork) {
  return {
    ResolveAddressStream,
    resolveAddresses(_network: Network, text: string): ResolveAddressStream {
      return guest.hold(new ResolveAddressStream(guest, addressesOf(guest, parseHost(text))));
    },
  };
}

/** @throws WasiError with `access-denied` for a name that the guest may not look up */
function addressesOf(guest: GuestNetwork, host: Host): Promise<readonly string[]> {
  if (host.kind === "ip") return Promise.resolve([host.ip]);
  const { name } = host;
  if (!guest.grants.mayLookUp(name)) {
    guest.denials.lookup(name);
    throw new WasiError("access-denied");
  }
  return lookUp(guest, name);
}

async function lookUp(guest: GuestNetwork, name: string): Promise<readonly string[]> {
  const addresses = await guest.session.request("lookUp", { name });
  guest.grants.learn(name, addresses);
  return addresses;
}

type Host =
  | { readonly kind: "ip"; readonly ip: string }
  /** In Punycode and lower case. */
  | { readonly kind: "name"; readonly name: string };

/** @throws WasiError with `invalid-argument` */
function parseHost(text: string): Host {
  const bare = /^\[.*\]$/.test(text) ? text.slice(1, -1) : text;
  if (/^[\da-f:.]+$/i.test(bare) && URL.canParse(`http://[${bare}]`)) {
    const ip = canonicalIp(bare);
    if (isMappedIp(ip)) throw new WasiError("invalid-argument");
    return { kind: "ip", ip };
  }
  // None of the characters that would make a URL parse it as more than a host.
  const isPlain = text !== "" && !/[\s/\\?#@:%[\]{}|^<>*,]/.test(text);
  const name = isPlain ? URL.parse(`http://${text}`)?.hostname : undefined;
  if (!name) throw new WasiError("invalid-argument");
  return /^[\d.]+$/.test(name) && /\d$/.test(name)
    ? { kind: "ip", ip: name }
    : { kind: "name", name };
}
