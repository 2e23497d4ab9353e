import { formatIpv4Network } from "../grants/ip_network.ts";
import type { HostRule, OutboundRule } from "../grants/outbound_rule.ts";
import type { MountedFile, MountedFolder } from "../wasi/filesystem/tree_volume.ts";
import type { HostSettings } from "../wasi/host.ts";

/**
 * Returns the Deno permissions of a guest's thread, which are the second check of each access: the WASI host's own
 * checks are finer, and these catch a guest that gets JavaScript of its own to run. Sockets need none, because the
 * main thread opens them.
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
 * Returns true, for every host, if a rule cannot be expressed: Deno has single hosts, `*.` for a domain and its
 * subdomains, and IPv4 networks, each with one port or all.
 */
function netOf({ allowedHosts, self }: HostSettings): true | string[] | false {
  const hosts = allowedHosts.map((rule) => hostAndPort(rule, self));
  return hosts.includes("*") ? true : orNone(hosts.filter((host) => host !== undefined));
}

function hostAndPort({ host, ports }: OutboundRule, self: string | undefined): string | undefined {
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
    case "subdomains":
      return `*.${host.domain}`;
    case "network":
      return formatIpv4Network(host.network) ?? "*";
  }
}
