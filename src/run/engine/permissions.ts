import type { MountedFile, MountedFolder } from "../wasi/filesystem/tree_volume.ts";
import type { HostSettings } from "../wasi/host.ts";
import { formatIpv4Network } from "../grants/ip_network.ts";
import type { HostRule, OutboundRule } from "../grants/outbound_rule.ts";

/**
 * What Deno itself lets a guest's thread do: what the guest is granted and no more. The host's own checks are
 * finer; these stand behind them, should a component get its own JavaScript to run. Sockets are another thread's.
 */
export function permissionsFor(settings: HostSettings): Deno.PermissionOptionsObject {
  const { mounts } = settings;
  const folders = mounts.filter((mount) => mount.kind === "folder");
  const files = mounts.flatMap((mount) => mount.kind === "tree" ? storedFiles(mount.tree) : []);
  const writable = folders.filter(({ readOnly }) => !readOnly);
  return {
    read: orNone([...folders.map(({ host }) => host), ...files]),
    write: orNone(writable.map(({ host }) => host)),
    net: netOf(settings),
    env: false,
    run: false,
    ffi: false,
    sys: false,
    import: false,
  };
}

function orNone(list: readonly string[]): string[] | false {
  return list.length > 0 ? [...new Set(list)] : false;
}

function storedFiles(node: MountedFolder | MountedFile): string[] {
  if (node.kind === "folder") return [...node.entries.values()].flatMap(storedFiles);
  return "hostPath" in node.content ? [node.content.hostPath] : [];
}

/**
 * Deno knows single hosts, `*.` for a domain and all below it, and networks of IPv4, each with a port or any; for
 * what says more than that, everything.
 */
function netOf({ allowedHosts, self }: HostSettings): true | string[] | false {
  const places = allowedHosts.map((rule) => placeOf(rule, self));
  return places.includes("*") ? true : orNone(places.filter((place) => place !== undefined));
}

function placeOf({ host, ports }: OutboundRule, self: string | undefined): string | undefined {
  if (host.kind === "self") return self && new URL(self).host;
  const name = nameOf(host);
  return name !== "*" && ports && ports.first === ports.last ? `${name}:${ports.first}` : name;
}

function nameOf(host: Exclude<HostRule, { kind: "self" }>): string {
  switch (host.kind) {
    case "any":
      return "*";
    case "host":
      return host.host;
    case "below":
      return `*.${host.domain}`;
    case "network":
      return formatIpv4Network(host.network) ?? "*";
  }
}
