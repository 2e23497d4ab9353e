export type FileType = "directory" | "regular-file" | "symbolic-link" | "unknown";

/** What is known of a file or folder; times are in nanoseconds since 1970. */
export interface FileInfo {
  readonly type: FileType;
  /** In bytes. */
  readonly size: bigint;
  readonly links: bigint;
  readonly accessed: bigint;
  readonly modified: bigint;
  readonly changed: bigint;
  /** Both together are of one object only. */
  readonly device: bigint;
  readonly inode: bigint;
}

export interface FolderEntry {
  readonly name: string;
  readonly type: FileType;
}

/** The names that lead from a volume's root to a place: none is empty, `.`, `..`, or has a slash. */
export type Names = readonly string[];

/** The moments that a file is to have; undefined leaves what it has. In nanoseconds since 1970. */
export interface NewTimes {
  readonly accessed: bigint | undefined;
  readonly modified: bigint | undefined;
}

/**
 * A tree of files that guests are granted. Nothing in it follows a link: who asks has walked there name by name.
 *
 * Everything throws FileError, and is synchronous: no guest of this thread gets between two steps.
 */
export interface Volume {
  /** Undefined where nothing is there, or the volume cannot have such a name. */
  find(names: Names): FileInfo | undefined;
  list(names: Names): FolderEntry[];
  readLink(names: Names): string;
  open(names: Names): VolumeFile;
  /** Undefined for a volume that guests may not change. */
  readonly changes: VolumeChanges | undefined;
}

export interface VolumeChanges {
  openToWrite(names: Names, how: WriteMode): VolumeFile;
  makeFolder(names: Names): void;
  /** Removes a file, a link or an empty folder. */
  remove(names: Names): void;
  rename(from: Names, to: Names): void;
  link(from: Names, to: Names): void;
  setTimes(names: Names, times: NewTimes): void;
}

export interface WriteMode {
  readonly read: boolean;
  /** Makes the file, which must not be there; the alternative is one that must. */
  readonly create: boolean;
  readonly truncate: boolean;
}

export interface VolumeFile {
  info(): FileInfo;
  /** At most `length` bytes, null at the end. */
  read(length: number, offset: number): Uint8Array | null;
  /** Waits until what was written is on the disk. */
  sync(): void;
  close(): void;
  /** Undefined for a file that was not opened to be written. */
  readonly changes: FileChanges | undefined;
}

export interface FileChanges {
  write(bytes: Uint8Array, offset: number): void;
  append(bytes: Uint8Array): void;
  resize(size: number): void;
  setTimes(times: NewTimes): void;
}
