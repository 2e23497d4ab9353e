import type { Content, FileStat } from "./file_state.ts";
import type { Digest } from "../oci/digest.ts";
import type { Layout } from "../store/layout.ts";
import type { Pin } from "../store/entries/pins.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import type { Contents } from "./contents.ts";

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

/** Something with a name in the cache: a root, for the collector. */
export interface SnapshotEntry {
  readonly type: EntryType;
  /**
   * Of an app or image its reference in full, `registry/repository:tag` or `registry/repository@digest`; of a package
   * `source/name/version/arch`; of a build `name@digest of its specification`; of compiled code
   * `digest of the component/engine`. One that is damaged may have only the path of its folder.
   */
  readonly name: string;
  /** What of its kind belongs together, for rules such as "the last three of each repository". */
  readonly group: string;
  /** Of an app or image the digest of its tag; of a package or build its file; of compiled code what was compiled. */
  readonly digest: Digest | undefined;
  readonly folder: string;
  /** Milliseconds since the epoch; never in the future. */
  readonly createdAt: number;
  /** Milliseconds since the epoch; never in the future. */
  readonly lastUsed: number;
  /** The last use as it stands on the disk, for those who mean to tell later whether it has changed. */
  readonly stamp: number;
  /** The file whose mtime that is. */
  readonly stampFile: string;
  readonly pin: Pin | undefined;
  readonly writtenBy: "larder" | "spin";
  /** Of an app or image that larder pulled. */
  readonly record: EntryRecord | undefined;
  /** What is wrong with it, if anything: then it reaches only what can still be told. */
  readonly problem: string | undefined;
  /** A later larder wrote its record: nobody here knows what it needs. */
  readonly isFromNewerVersion: boolean;
  /** The names of the files that are its own and go with it. */
  readonly ownFiles: readonly string[];
  /** Bytes of these. */
  readonly ownSize: number;
  /** What it reaches, as places in {@link CacheSnapshot.contents}, ascending and each once. */
  readonly references: readonly number[];
  /** Bytes of its own files and of all it reaches, each file once. */
  readonly size: number;
  /** Bytes that would be freed if this entry alone went. */
  readonly unique: number;
}

/** All that lies in the cache, at one moment. */
export interface CacheSnapshot {
  readonly layout: Layout;
  /** Milliseconds since the epoch. */
  readonly takenAt: number;
  /** In the order of their types, then of their names. */
  readonly entries: readonly SnapshotEntry[];
  readonly contents: readonly Content[];
  /** How many entries reach each of {@link contents}. */
  readonly referenceCounts: Uint32Array;
  /** Where content with a given digest stands in {@link contents}. */
  readonly places: Contents;
  /** Downloads that are under way or were broken off. */
  readonly partials: readonly FileStat[];
  /** What larder wrote and nobody needs: temporary files, and files of entries that are no more. */
  readonly rubbish: readonly FileStat[];
  /** What is none of larder's; never touched, and in none of the sums. */
  readonly foreign: readonly FileStat[];
  /** Folders below those of the entries that have nothing in them, nor in the folders below them; deepest first. */
  readonly emptyFolders: readonly string[];
  /** Bytes of entries, contents, partials and rubbish, each file once. */
  readonly size: number;
}
