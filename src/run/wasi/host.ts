import { cliImports, type CommandSettings } from "./cli.ts";
import { clockImports } from "./clocks.ts";
import { filesystemImports, type Mount, mountPoint } from "./filesystem/imports.ts";
import type { MountPoint } from "./filesystem/directory.ts";
import { httpImports } from "./http/imports.ts";
import type { ClientSettings } from "./http/client.ts";
import type { InstanceResources } from "./resources.ts";
import { pollImports } from "./io/poll.ts";
import { randomImports } from "./random.ts";
import { Denials, type Grantor } from "../grants/denials.ts";
import { socketImports } from "./sockets/imports.ts";
import { type OpenPort, Sessions } from "./sockets/session.ts";
import { variableImports } from "./spin_variables.ts";
import { openStdio, type Stdio } from "./io/stdio.ts";
import { streamImports } from "./io/imports.ts";

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
  readonly denials: Denials;
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
  const denials = new Denials(settings.grantor, onRefusal);
  return {
    settings,
    mounts: settings.mounts.map((mount) => mountPoint(mount, denials)),
    stdio: openStdio(settings.stdin),
    denials: denials,
    sessions: new Sessions(openPort),
  };
}

/** The host's interfaces for one instance, by name without a version: all that a component may import. */
export function hostImports(host: Host, resources: InstanceResources): Record<string, object> {
  const { settings, mounts, stdio, denials, sessions } = host;
  return {
    ...pollImports(),
    ...streamImports(),
    ...clockImports(resources),
    ...randomImports(),
    ...cliImports(settings, stdio, resources),
    ...filesystemImports(mounts, resources),
    ...httpImports(settings, denials, resources),
    ...socketImports(settings, denials, sessions, resources),
    ...variableImports(settings.variables),
  };
}
