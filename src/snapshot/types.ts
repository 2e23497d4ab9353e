import type { Digest } from "../oci/digest.ts";
import { LOCAL_REGISTRY } from "../oci/reference.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import type { Pin, PinPatterns } from "../store/entries/pin_file.ts";
import type { Layout } from "../store/layout.ts";
import type { ContentIndex } from "./contents.ts";
import type { Content, FileStat } from "./file_state.ts";
import type { UnreadablePath } from "./unreadable.ts";

/**
 * The types of entries: an `app` (a Spin app, Wasm or another artifact) and an `image` (a container image) come from
 * registries, a `build` is what an image builder made.
 */
export const ENTRY_TYPES = ["app", "image", "package", "build", "compiled"] as const;
export type EntryType = typeof ENTRY_TYPES[number];

/** True for the types of entries that are references to a registry. */
export function isFromRegistry(type: EntryType | "blob"): boolean {
  return type === "app" || type === "image";
}

/** Something with a name in the cache; for the collector, a root. */
export interface SnapshotEntry {
  readonly type: EntryType;
  /**
   * Of an app or image its reference in full, `registry/repository:tag` or `registry/repository@digest`; of a package
   * `source/name/version/arch`; of a build `name@digest of its specification`; of compiled code
   * `digest of the component/engine`. A damaged entry may have only the path of its folder.
   */
  readonly name: string;
  /** Names the entries that belong together, such as the tags of one repository: `keep-last` counts in it. */
  readonly group: string;
  /** Of an app or image the digest of its tag; of a package or build its file; of compiled code what was compiled. */
  readonly digest: Digest | undefined;
  readonly folder: string;
  /** Milliseconds since the epoch; never in the future. */
  readonly createdAt: number;
  /** Milliseconds since the epoch; never in the future. */
  readonly lastUsed: number;
  /** The last use as it is on disk, by which a sweep notices a later use. */
  readonly stamp: number;
  /** The file whose mtime is {@link stamp}. */
  readonly stampFile: string;
  readonly pin: Pin | undefined;
  readonly writtenBy: "larder" | "spin";
  /** Of an app or image that larder pulled. */
  readonly record: EntryRecord | undefined;
  /** What is wrong with it, if anything; {@link references} are then those that can still be read. */
  readonly problem: string | undefined;
  /** True if a newer larder wrote its record, so that its references are unknown. */
  readonly isFromNewerVersion: boolean;
  /** True if it has an archive whose files are not known: Spin may be unpacking it, or fetching it. */
  readonly isUnlisted: boolean;
  /** The names of the files that belong to it alone and are removed with it. */
  readonly ownFiles: readonly string[];
  /** Bytes of {@link ownFiles}. */
  readonly ownSize: number;
  /** Bytes that they and a folder of their own take on the disk, in whole blocks. */
  readonly ownAllocated: number;
  /** Ids of the content that it needs: indexes in {@link CacheSnapshot.contents}, ascending and unique. */
  readonly references: readonly number[];
  /** Bytes of its own files and of all content that it needs. */
  readonly size: number;
  /** Bytes that removing only this entry would free. */
  readonly unique: number;
}

/** True for what was pushed to this cache, or imported under such a name, also if its record is damaged. */
export function isInNoRegistry({ type, group }: Pick<SnapshotEntry, "type" | "group">): boolean {
  return isFromRegistry(type) && group.startsWith(`${LOCAL_REGISTRY}/`);
}

/** The whole cache at one moment. */
export interface CacheSnapshot {
  readonly layout: Layout;
  /** Milliseconds since the epoch. */
  readonly takenAt: number;
  /** Sorted by type, then by name. */
  readonly entries: readonly SnapshotEntry[];
  /** Content by its id. */
  readonly contents: readonly Content[];
  /** The number of entries that need each of {@link contents}. */
  readonly referenceCounts: Uint32Array;
  /** Of files that were unpacked from archives, the ids of these archives: none is removed before they are. */
  readonly archivesOf: ReadonlyMap<number, readonly number[]>;
  /** Finds the ids of blobs by digest. */
  readonly contentIndex: ContentIndex;
  /** Downloads that are in progress or were interrupted. */
  readonly partials: readonly FileStat[];
  /** Files that larder wrote and nothing needs: temporary files, and files of entries that no longer exist. */
  readonly rubbish: readonly FileStat[];
  /** Files that larder did not write: never removed, and not part of any sum. */
  readonly foreign: readonly FileStat[];
  /** The files and folders that this user may not read. */
  readonly unreadable: readonly UnreadablePath[];
  /** True if one of them, or a record of a newer larder, may need content: no content then counts as unreferenced. */
  readonly hasUnknownReferences: boolean;
  /** The pinned patterns, which are applied to {@link entries} already, and what is wrong with their file. */
  readonly pins: PinPatterns;
  /** Folders in the trees of entries without a file in or below them; deepest first. */
  readonly emptyFolders: readonly string[];
  /** Bytes of entries, contents, partials and rubbish, each file counted once. */
  readonly size: number;
  /** Bytes that these and their folders take on the disk, in whole blocks. */
  readonly allocated: number;
  /** Bytes that a small folder takes on the disk: one block on ext4, none on tmpfs. */
  readonly folderAllocated: number;
}
