import type { Denials } from "../../grants/denials.ts";
import type { InstanceResources } from "../resources.ts";
import { Descriptor, DirectoryEntryStream } from "./descriptor.ts";
import { type MountPoint, OpenDirectory } from "./directory.ts";
import { filesystemErrorCode } from "./error.ts";
import { HostVolume } from "./host_volume.ts";
import { type MountedFolder, TreeVolume } from "./tree_volume.ts";
import type { LinkMaker } from "./volume.ts";

/** Files that guests are granted, and the path at which they see them. */
export type Mount =
  | {
    readonly kind: "folder";
    readonly guest: string;
    /** An absolute path without symbolic links. */
    readonly host: string;
    readonly readOnly: boolean;
  }
  | { readonly kind: "tree"; readonly guest: string; readonly tree: MountedFolder };

/** @param makeLink creates symbolic links in folders; without it, guests cannot */
export function mountPoint(mount: Mount, denials: Denials, makeLink?: LinkMaker): MountPoint {
  const { guest } = mount;
  if (mount.kind === "tree") {
    return { guest, volume: new TreeVolume(mount.tree), host: undefined, denials };
  }
  const { host, readOnly } = mount;
  return { guest, volume: new HostVolume(host, readOnly, makeLink), host, denials };
}

/** Opens the directories that a guest has open from the start. */
export function preopens(
  mounts: readonly MountPoint[],
  resources: InstanceResources,
): OpenDirectory[] {
  return mounts.map((mount) => new OpenDirectory(mount, [], resources));
}

/** `wasi:filesystem`. */
export function filesystemImports(
  mounts: readonly MountPoint[],
  resources: InstanceResources,
): Record<string, object> {
  return {
    "wasi:filesystem/types": { Descriptor, DirectoryEntryStream, filesystemErrorCode },
    "wasi:filesystem/preopens": {
      getDirectories: () =>
        preopens(mounts, resources).map((dir) => [new Descriptor(dir), dir.mount.guest]),
    },
  };
}
