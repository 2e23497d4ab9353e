/** `descriptor-type` of `wasi:filesystem/types`. */
export type FileType =
  | "block-device"
  | "character-device"
  | "directory"
  | "fifo"
  | "regular-file"
  | "socket"
  | "symbolic-link"
  | "unknown";

/** The metadata of a file or directory; times are nanoseconds since 1970. */
export interface FileInfo {
  readonly type: FileType;
  /** In bytes. */
  readonly size: bigint;
  readonly links: bigint;
  readonly accessed: bigint;
  readonly modified: bigint;
  readonly changed: bigint;
  /** Unique together with `inode`. */
  readonly device: bigint;
  readonly inode: bigint;
  /** True for a device that a guest may open, such as `/dev/null`. */
  readonly isHarmlessDevice?: boolean;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly type: FileType;
}

/** A path below a volume's root, as names: none is empty, `.` or `..`, or contains a slash. */
export type PathSegments = readonly string[];

/** The times to give a file, in nanoseconds since 1970; undefined leaves a time as it is. */
export interface NewTimes {
  readonly accessed: bigint | undefined;
  readonly modified: bigint | undefined;
}

/**
 * A tree of files that guests are granted. No operation follows a symbolic link in the last name; the caller has
 * resolved all names before it (`OpenDirectory`).
 *
 * Every operation throws FileError, and is synchronous, so that no other guest of the thread runs between two steps.
 */
export interface Volume {
  /** Undefined if nothing has this path, or if the volume cannot contain such a name. */
  find(path: PathSegments): FileInfo | undefined;
  list(path: PathSegments): DirectoryEntry[];
  readLink(path: PathSegments): string;
  open(path: PathSegments): VolumeFile;
  /** Undefined for a read-only volume. */
  readonly writer: VolumeWriter | undefined;
}

export interface VolumeWriter {
  openToWrite(path: PathSegments, how: WriteMode): VolumeFile;
  createDirectory(path: PathSegments): void;
  /** Removes a file, a link or an empty directory. */
  remove(path: PathSegments): void;
  rename(from: PathSegments, to: PathSegments): void;
  link(from: PathSegments, to: PathSegments): void;
  /** Creates a symbolic link; undefined if the guest may not create any. */
  readonly createLink: ((path: PathSegments, target: string) => void) | undefined;
  setTimes(path: PathSegments, times: NewTimes): void;
}

/** A symbolic link to create in a folder of the host. */
export interface NewLink {
  /** The folder that is granted. */
  readonly host: string;
  /** The path of the link below it. */
  readonly path: PathSegments;
  readonly target: string;
}

/** Creates a symbolic link. @throws FileError */
export type LinkMaker = (link: NewLink) => void;

export interface WriteMode {
  readonly read: boolean;
  /** If true the file must not exist, and is created; otherwise it must exist. */
  readonly create: boolean;
  readonly truncate: boolean;
}

export interface VolumeFile {
  info(): FileInfo;
  /** Reads at most `length` bytes; null at the end. */
  read(length: number, offset: number): Uint8Array | null;
  /** Flushes writes to the disk. */
  sync(): void;
  close(): void;
  /** Undefined for a file that was not opened for writing. */
  readonly writer: FileWriter | undefined;
}

export interface FileWriter {
  write(bytes: Uint8Array, offset: number): void;
  append(bytes: Uint8Array): void;
  resize(size: number): void;
  setTimes(times: NewTimes): void;
}
