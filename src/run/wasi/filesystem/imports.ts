import { type MountedFolder, TreeVolume } from "./tree_volume.ts";
import { Descriptor, DirectoryEntryStream } from "./descriptor.ts";
import { filesystemErrorCode } from "./error.ts";
import { FolderVolume } from "./folder_volume.ts";
import { type MountPoint, OpenDirectory } from "./directory.ts";
import type { InstanceResources } from "../resources.ts";
import type { Denials } from "../../grants/denials.ts";

/** Files that guests are granted, and the path at which they see them. */
export type Mount =
  | {
    readonly kind: "folder";
    readonly guest: string;
    /** Absolute, and without links. */
    readonly host: string;
    readonly readOnly: boolean;
  }
  | { readonly kind: "tree"; readonly guest: string; readonly tree: MountedFolder };

export function mountPoint(mount: Mount, denials: Denials): MountPoint {
  const { guest } = mount;
  return mount.kind === "tree"
    ? { guest, volume: new TreeVolume(mount.tree), host: undefined, denials: denials }
    : {
      guest,
      volume: new FolderVolume(mount.host, mount.readOnly),
      host: mount.host,
      denials: denials,
    };
}

/** The folders that a guest has open from the start. */
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
        preopens(mounts, resources).map((place) => [Descriptor.of(place), place.mount.guest]),
    },
  };
}
