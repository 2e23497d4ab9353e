import { statIfAny } from "../base/files/files.ts";
import { SPIN_ARCHIVE } from "../oci/media_types.ts";
import type { Part } from "../store/image_parts.ts";
import type { SpaceRequest } from "./room.ts";
import type { PullSession } from "./session.ts";

/** Bytes for the manifests, the record, and the folders of an entry. */
const ENTRY_SPACE = 64 * 1024;

/** Files and folders of an entry besides its parts. */
const ENTRY_FILES = 12;

/** How many times its size the files of an archive may take. */
const UNPACKED = 4;

/** Returns what a pull still needs, as far as it is known. */
export function spaceRequest(session: PullSession): SpaceRequest {
  const { reference, manifests, progress } = session;
  const { missing, parts } = progress;
  // If everything was fetched, what is left to write are the files in its archives.
  const archives = (missing.length > 0 ? missing : parts)
    .filter(({ descriptor }) => descriptor.mediaType === SPIN_ARCHIVE);
  const fetched = missing.reduce((sum, part) => sum + restOf(session, part), 0);
  const unpacked = archives.reduce((sum, { descriptor }) => sum + UNPACKED * descriptor.size, 0);
  return {
    bytes: ENTRY_SPACE + fetched + unpacked,
    files: ENTRY_FILES + missing.length,
    folders: [manifests.folder(reference)],
    digests: parts.map(({ descriptor }) => descriptor.digest),
  };
}

/** Returns the bytes of a part that are still to be written: it may be there in part or in full. */
function restOf({ layout, parts }: PullSession, part: Part): number {
  const { digest, size } = part.descriptor;
  if (statIfAny(parts.pathOf(part))?.size === size) return 0;
  return Math.max(0, size - (statIfAny(layout.partial(digest))?.size ?? 0));
}
