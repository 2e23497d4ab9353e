import { BlockList, isIPv4 } from "node:net";

/** What an address is if it is not one of the public internet. */
export type PrivateKind = "loopback" | "link-local" | "private" | "reserved";

/**
 * Networks that are not of the public internet (RFC 6890 and IANA's registries of special-purpose addresses). Cloud
 * providers answer for their metadata at 169.254.169.254, fd00:ec2::254 and 100.100.100.200.
 */
const NETWORKS: Readonly<Record<PrivateKind, readonly string[]>> = {
  "loopback": ["127.0.0.0/8", "::1/128"],
  "link-local": ["169.254.0.0/16", "fe80::/10"],
  "private": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"],
  "reserved": [
    "0.0.0.0/8",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
  ],
};

const LISTS = Object.entries(NETWORKS).map(([kind, networks]) => {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    list.addSubnet(address, Number(prefix), isIPv4(address) ? "ipv4" : "ipv6");
  }
  return [kind as PrivateKind, list] as const;
});

/** The addresses of IPv6 that are assigned to hosts of the internet (RFC 4291 §2.4). */
const GLOBAL_UNICAST = new BlockList();
GLOBAL_UNICAST.addSubnet("2000::", 3, "ipv6");

/** Returns what an IP address is, or undefined if it is public. An IPv6 address may have a zone. */
export function privateKindOf(address: string): PrivateKind | undefined {
  const [bare = ""] = address.split("%");
  const ip = embeddedIpv4(bare) ?? bare;
  const family = isIPv4(ip) ? "ipv4" : "ipv6";
  const kind = LISTS.find(([, list]) => list.check(ip, family))?.[0];
  if (kind || family === "ipv4") return kind;
  return GLOBAL_UNICAST.check(ip, "ipv6") ? undefined : "reserved";
}

/** Returns the IPv4 address in one that maps it (`::ffff:a.b.c.d`) or translates it (`64:ff9b::/96`, RFC 6052). */
function embeddedIpv4(address: string): string | undefined {
  if (!address.includes(":")) return undefined;
  const host = URL.parse(`http://[${address}]`)?.hostname ?? "";
  const match = /^\[(?:::ffff:|64:ff9b::)(?:([\da-f]+):)?([\da-f]+)\]$/.exec(host);
  if (!match) return undefined;
  const [high, low] = [match[1] ?? "0", match[2]!].map((group) => parseInt(group, 16));
  return [high! >> 8, high! & 255, low! >> 8, low! & 255].join(".");
}
