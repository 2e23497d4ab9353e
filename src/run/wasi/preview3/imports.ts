import type { CommandSettings } from "../cli.ts";
import type { MountPoint } from "../filesystem/directory.ts";
import type { HttpClient } from "../http/client.ts";
import type { Stdio } from "../io/stdio.ts";
import type { InstanceResources } from "../resources.ts";
import type { GuestNetwork } from "../sockets/guest_network.ts";
import { cliImports, clockImports, randomImports } from "./basics.ts";
import { filesystemImports } from "./filesystem.ts";
import type { GuestTask } from "./guest_task.ts";
import { httpImports } from "./http.ts";
import { socketImports } from "./sockets.ts";

/** What the interfaces of 0.3 of one instance share with those of 0.2. */
interface Shared {
  readonly settings: CommandSettings;
  readonly stdio: Stdio;
  readonly mounts: readonly MountPoint[];
  readonly resources: InstanceResources;
  readonly task: GuestTask;
  readonly client: HttpClient;
  readonly network: GuestNetwork;
  /** The interfaces of 0.2. */
  readonly imports: Record<string, object>;
}

/**
 * Returns every interface of WASI 0.3, by names that start with `wasi3:` and have no version.
 */
export function preview3Imports(
  { settings, stdio, mounts, resources, task, client, network, imports }: Shared,
): Record<string, object> {
  return {
    ...cliImports(settings, stdio, task, imports),
    ...clockImports(resources),
    ...randomImports(),
    ...filesystemImports(mounts, resources, task),
    ...httpImports(client, task),
    ...socketImports(network, task),
  };
}
