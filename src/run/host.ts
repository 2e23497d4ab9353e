import { cliImports, type CommandSettings } from "./wasi/cli.ts";
import { clockImports } from "./wasi/clocks.ts";
import { filesystemImports, type Mount, mountPoint } from "./wasi/filesystem.ts";
import type { MountPoint } from "./wasi/filesystem/place.ts";
import { httpImports } from "./wasi/http.ts";
import type { ClientSettings } from "./wasi/http_client.ts";
import type { Lifetime } from "./wasi/lifetime.ts";
import { pollImports } from "./wasi/poll.ts";
import { randomImports } from "./wasi/random.ts";
import { type Grantor, Refusals } from "./wasi/refusals.ts";
import { socketImports } from "./wasi/sockets.ts";
import { type OpenPort, Sessions } from "./wasi/sockets/session.ts";
import { variableImports } from "./wasi/spin_variables.ts";
import { openStdio, type Stdio } from "./wasi/stdio.ts";
import { streamImports } from "./wasi/streams.ts";

/** What a guest is granted, as plain data that crosses to its thread. */
export interface HostSettings extends CommandSettings, ClientSettings {
  readonly mounts: readonly Mount[];
  /** Those of Spin that the component sees, by name. */
  readonly variables: Readonly<Record<string, string>>;
  readonly stdin: "inherit" | "empty";
  /** Whom to name where something is refused. */
  readonly grantor: Grantor;
}

/** What the guests of one thread share. */
export interface Host {
  readonly settings: HostSettings;
  readonly mounts: readonly MountPoint[];
  readonly stdio: Stdio;
  readonly refusals: Refusals;
  readonly sessions: Sessions;
}

/**
 * Opens what guests are granted.
 * @param onRefusal told, in one line and once each, of what a guest wanted and may not, and what would allow it
 * @param openPort hands a guest's port to the thread that will have its sockets
 */
export function openHost(
  settings: HostSettings,
  onRefusal: (line: string) => void,
  openPort: OpenPort,
): Host {
  const refusals = new Refusals(settings.grantor, onRefusal);
  return {
    settings,
    mounts: settings.mounts.map((mount) => mountPoint(mount, refusals)),
    stdio: openStdio(settings.stdin),
    refusals,
    sessions: new Sessions(openPort),
  };
}

/** The host's interfaces for one instance, by name without a version: all that a component may import. */
export function hostImports(host: Host, lifetime: Lifetime): Record<string, object> {
  const { settings, mounts, stdio, refusals, sessions } = host;
  return {
    ...pollImports(),
    ...streamImports(),
    ...clockImports(lifetime),
    ...randomImports(),
    ...cliImports(settings, stdio, lifetime),
    ...filesystemImports(mounts, lifetime),
    ...httpImports(settings, refusals, lifetime),
    ...socketImports(settings, refusals, sessions, lifetime),
    ...variableImports(settings.variables),
  };
}
