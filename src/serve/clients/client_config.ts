import { isGlob } from "../../base/glob.ts";
import { urlHost } from "../../base/url_host.ts";
import { isLoopback } from "../../registry/endpoints.ts";
import type { Client } from "./clients.ts";

/** What clients have to know of the server. */
export interface ServerAddress {
  /** As it listens, without brackets. */
  readonly hostname: string;
  readonly port: number;
  readonly tls: boolean;
  /** True if clients need a token or a password. */
  readonly hasCredentials: boolean;
  /** Patterns of the upstreams; those that spell a host out name the registries to configure. */
  readonly allow: readonly string[];
  readonly defaultUpstream: string;
}

/** The configuration of a client. */
export interface ClientConfig {
  /** The content of the file, or a command. */
  readonly text: string;
  /** Where the text belongs, and what else is to know; each is one line. */
  readonly notes: readonly string[];
}

/** The server as clients name it. */
interface Target {
  /** Such as `127.0.0.1:5000`. */
  readonly host: string;
  readonly url: string;
  readonly tls: boolean;
  readonly isLocal: boolean;
  readonly hasCredentials: boolean;
  readonly registries: readonly string[];
  readonly defaultUpstream: string;
}

/** The registries of clients that need one setting for each, if the server allows all. */
const COMMON_REGISTRIES = ["docker.io", "ghcr.io", "quay.io", "registry.k8s.io"];

/** The name of a server that listens on all addresses, for the user to replace. */
const PLACEHOLDER = "larder.example";

const CONFIGS: Readonly<Record<Client, (target: Target) => ClientConfig>> = {
  containerd,
  docker,
  podman,
  buildkit,
  k3s,
  spin,
};

/** Returns what a client needs to pull through a server. */
export function clientConfig(client: Client, server: ServerAddress): ClientConfig {
  const { hostname, port, tls, hasCredentials, defaultUpstream } = server;
  const isAny = ["0.0.0.0", "::", ""].includes(hostname);
  const name = isAny ? PLACEHOLDER : urlHost(hostname);
  const host = `${name}:${port}`;
  const config = CONFIGS[client]({
    host,
    url: `${tls ? "https" : "http"}://${host}`,
    tls,
    isLocal: isLoopback(hostname),
    hasCredentials,
    registries: registriesOf(server.allow),
    defaultUpstream,
  });
  const replace = isAny ? [`replace ${PLACEHOLDER} by the name of this machine`] : [];
  return { text: config.text, notes: [...config.notes, ...replace] };
}

function registriesOf(allow: readonly string[]): readonly string[] {
  const hosts = allow.map((pattern) => pattern.split("/", 1)[0]!).filter((host) => !isGlob(host));
  return hosts.length > 0 ? [...new Set(hosts)] : COMMON_REGISTRIES;
}

/** Source: containerd, docs/hosts.md. */
function containerd({ url, hasCredentials }: Target): ClientConfig {
  const lines = [`[host."${url}"]`, '  capabilities = ["pull", "resolve"]'];
  if (hasCredentials) lines.push(`  [host."${url}".header]`, '    authorization = "Bearer TOKEN"');
  return {
    text: joined(lines),
    notes: [
      "put this into /etc/containerd/certs.d/_default/hosts.toml: it is for every registry without a folder of its own",
      'set config_path = "/etc/containerd/certs.d" in /etc/containerd/config.toml, in [plugins."io.containerd.cri.v1.images".registry], or up to containerd 1.7 in [plugins."io.containerd.grpc.v1.cri".registry]',
      "try it with ctr images pull --hosts-dir /etc/containerd/certs.d docker.io/library/alpine:3",
      ...hasCredentials ? ["replace TOKEN by a token of the file that --token names"] : [],
    ],
  };
}

/** Source: dockerd(8), "registry-mirrors" and "insecure-registries". */
function docker(target: Target): ClientConfig {
  const { host, url, tls, isLocal, hasCredentials, defaultUpstream } = target;
  const settings = {
    "registry-mirrors": [url],
    ...!tls && !isLocal && { "insecure-registries": [host] },
  };
  return {
    text: `${JSON.stringify(settings, undefined, 2)}\n`,
    notes: [
      "put this into /etc/docker/daemon.json, or add it to what is there, and restart dockerd",
      `it is for Docker Hub alone: dockerd has no mirrors of other registries, whose images are pulled as ${host}/ghcr.io/OWNER/NAME:TAG`,
      ...defaultUpstream === "docker.io"
        ? []
        : [`remove serve.default_upstream: dockerd would take ${defaultUpstream} for Docker Hub`],
      ...hasCredentials
        ? [
          `dockerd sends no credentials to mirrors: type docker login ${host}, and pull from Docker Hub as ${host}/docker.io/library/NAME:TAG`,
        ]
        : [],
    ],
  };
}

/** Source: containers-registries.conf(5). */
function podman(target: Target): ClientConfig {
  const { host, tls, hasCredentials, registries, defaultUpstream } = target;
  // A reference has no port in the middle.
  const unnamed = registries.filter((registry) =>
    registry.includes(":") && registry !== defaultUpstream
  );
  const blocks = registries.filter((registry) => !unnamed.includes(registry)).map((registry) =>
    joined([
      "[[registry]]",
      `prefix = "${registry}"`,
      `location = "${registry}"`,
      "[[registry.mirror]]",
      `location = "${registry.includes(":") ? host : `${host}/${registry}`}"`,
      ...tls ? [] : ["insecure = true"],
    ])
  );
  return {
    text: blocks.join("\n"),
    notes: [
      "put this into /etc/containers/registries.conf.d/50-larder.conf, or ~/.config/containers/registries.conf.d/50-larder.conf for one user; it is for podman, buildah and skopeo",
      "add a block for each other registry",
      ...unnamed.map((registry) =>
        `podman cannot name ${registry} behind a mirror, because it has a port: set serve.default_upstream to it`
      ),
      ...hasCredentials
        ? [loginNote(`podman login ${tls ? "" : "--tls-verify=false "}${host}`)]
        : [],
    ],
  };
}

/** Source: BuildKit, docs/buildkitd.toml.md. */
function buildkit({ host, tls, hasCredentials, registries }: Target): ClientConfig {
  const mirrors = registries.map((registry) =>
    joined([`[registry."${registry}"]`, `  mirrors = ["${host}"]`])
  );
  const server = tls ? [] : [joined([`[registry."${host}"]`, "  http = true"])];
  return {
    text: [...mirrors, ...server].join("\n"),
    notes: [
      "put this into /etc/buildkit/buildkitd.toml, or a file for docker buildx create --buildkitd-config FILE",
      "a builder in a container has a loopback of its own: create it with --driver-opt network=host",
      "add a block for each other registry",
      ...hasCredentials ? [loginNote(`docker login ${host}`)] : [],
    ],
  };
}

/** Source: K3s, "Private Registry Configuration". */
function k3s({ host, url, hasCredentials }: Target): ClientConfig {
  const lines = ["mirrors:", '  "*":', "    endpoint:", `      - "${url}"`];
  if (hasCredentials) {
    lines.push("configs:", `  "${host}":`, "    auth:");
    lines.push('      username: "larder"', '      password: "TOKEN"');
  }
  return {
    text: joined(lines),
    notes: [
      "put this into /etc/rancher/k3s/registries.yaml on every node, and restart k3s or k3s-agent",
      ...hasCredentials ? ["replace TOKEN by a token, or both by a user and password"] : [],
    ],
  };
}

/** Source: Spin, "spin up --help". */
function spin({ host, tls, hasCredentials }: Target): ClientConfig {
  const insecure = tls ? "" : " --insecure";
  return {
    text: `spin up --from ${host}/ghcr.io/OWNER/APP:TAG${insecure}\n`,
    notes: [
      "Spin has no setting for mirrors: put the server in front of the reference",
      ...hasCredentials ? [loginNote(`spin registry login ${host}`)] : [],
    ],
  };
}

function loginNote(command: string): string {
  return `type ${command}; a token is accepted as the password of any user`;
}

function joined(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
