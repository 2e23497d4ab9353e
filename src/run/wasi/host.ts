import { Denials, type Grantor } from "../grants/denials.ts";
import type { StateLocations } from "../state/locations.ts";
import { cliImports, type CommandSettings } from "./cli.ts";
import { clockImports } from "./clocks.ts";
import type { MountPoint } from "./filesystem/directory.ts";
import { filesystemImports, type Mount, mountPoint } from "./filesystem/imports.ts";
import type { LinkMaker } from "./filesystem/volume.ts";
import { type ClientSettings, HttpClient } from "./http/client.ts";
import { httpImports } from "./http/imports.ts";
import { ioImports } from "./io/imports.ts";
import { openStdio, type Stdio } from "./io/stdio.ts";
import type { GuestTask } from "./preview3/guest_task.ts";
import { preview3Imports } from "./preview3/imports.ts";
import { randomImports } from "./random.ts";
import type { InstanceResources } from "./resources.ts";
import { GuestNetwork } from "./sockets/guest_network.ts";
import { socketImports } from "./sockets/imports.ts";
import { type OpenPort, Sessions } from "./sockets/session.ts";
import { spinImports } from "./spin/imports.ts";
import { type OpenStatePort, StateClient } from "./spin/state_client.ts";

/** What the user allows a guest at most; undefined for the defaults. */
export interface GuestLimits {
  /** Bytes to which the memory of a module can grow, unless it is larger from the beginning. */
  readonly maxMemory?: number | undefined;
  /** Milliseconds for a command, or for a request. */
  readonly timeout?: number | undefined;
}

/** The grants of a guest, as plain data that can be sent to its thread. */
export interface HostSettings extends CommandSettings, ClientSettings {
  readonly mounts: readonly Mount[];
  /** The values of Spin's variables that the component sees, by name. */
  readonly variables: Readonly<Record<string, string>>;
  /** The key-value stores and databases that it may open. */
  readonly state: StateLocations;
  readonly stdin: "inherit" | "empty";
  readonly limits?: GuestLimits | undefined;
  /** The arguments of a command that is run for each request, see `engine/cgi`; undefined for all others. */
  readonly cgiArgv?: string | undefined;
  /** Where a denial tells the user to grant more. */
  readonly grantor: Grantor;
}

/** What all guests of one thread share. */
export interface Host {
  readonly settings: HostSettings;
  readonly mounts: readonly MountPoint[];
  readonly stdio: Stdio;
  readonly denials: Denials;
  readonly sessions: Sessions;
  readonly state: StateClient;
}

/**
 * Opens the files and the standard streams that guests are granted.
 * @param onDenial receives one line per distinct access that was denied: the access, and how to grant it
 * @param openPort hands a guest's port to the thread that opens its sockets
 * @param openState hands the port of this thread to the thread that owns its stores
 * @param makeLink creates symbolic links in granted folders; without it, guests cannot
 */
export function openHost(
  settings: HostSettings,
  onDenial: (line: string) => void,
  openPort: OpenPort,
  openState: OpenStatePort,
  makeLink?: LinkMaker,
): Host {
  const denials = new Denials(settings.grantor, onDenial);
  return {
    settings,
    mounts: settings.mounts.map((mount) => mountPoint(mount, denials, makeLink)),
    stdio: openStdio(settings.stdin),
    denials,
    sessions: new Sessions(openPort),
    state: new StateClient(openState),
  };
}

/**
 * Returns every interface of 0.2 and of Spin that a component may import, by name without a version, for one instance.
 * @param task the task of the instance's call if the component is made for WASI 0.3, whose interfaces are added
 */
export function hostImports(
  host: Host,
  resources: InstanceResources,
  task?: GuestTask,
): Record<string, object> {
  const { settings, mounts, stdio, denials, sessions, state } = host;
  const client = new HttpClient(settings, denials, resources);
  const network = new GuestNetwork(settings, denials, sessions, resources);
  const imports = {
    ...ioImports(),
    ...clockImports(resources),
    ...randomImports(),
    ...cliImports(settings, stdio, resources),
    ...filesystemImports(mounts, resources),
    ...httpImports(client),
    ...socketImports(network),
    ...spinImports(settings.variables, state, resources),
  };
  if (!task) return imports;
  const shared = { settings, stdio, mounts, resources, task, client, network, imports };
  return { ...imports, ...preview3Imports(shared) };
}
