import { type MountedFolder, TreeVolume } from "./tree_volume.ts";
import { Descriptor, DirectoryEntryStream } from "./descriptor.ts";
import { filesystemErrorCode } from "./error.ts";
import { FolderVolume } from "./folder_volume.ts";
import { type MountPoint, Place } from "./directory.ts";
import type { Lifetime } from "../resources.ts";
import type { Refusals } from "../../grants/denials.ts";

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

export function mountPoint(mount: Mount, refusals: Refusals): MountPoint {
  const { guest } = mount;
  return mount.kind === "tree"
    ? { guest, volume: new TreeVolume(mount.tree), host: undefined, refusals }
    : {
      guest,
      volume: new FolderVolume(mount.host, mount.readOnly),
      host: mount.host,
      refusals,
    };
}

/** The folders that a guest has open from the start. */
export function preopens(mounts: readonly MountPoint[], lifetime: Lifetime): Place[] {
  return mounts.map((mount) => new Place(mount, [], lifetime));
}

/** `wasi:filesystem`. */
export function filesystemImports(
  mounts: readonly MountPoint[],
  lifetime: Lifetime,
): Record<string, object> {
  return {
    "wasi:filesystem/types": { Descriptor, DirectoryEntryStream, filesystemErrorCode },
    "wasi:filesystem/preopens": {
      getDirectories: () =>
        preopens(mounts, lifetime).map((place) => [Descriptor.of(place), place.mount.guest]),
    },
  };
}
