import type { OpenDirectory } from "../filesystem/directory.ts";
import type { OpenFile } from "../filesystem/open_file.ts";
import type { DirectoryEntry } from "../filesystem/volume.ts";
import type { InputStream } from "../io/input_stream.ts";
import type { OutputStream } from "../io/output_stream.ts";

/** Rights of a descriptor itself, and of those opened through it. */
export interface Rights {
  readonly base: bigint;
  readonly inheriting: bigint;
}

export const NO_RIGHTS: Rights = { base: 0n, inheriting: 0n };

/** What a file descriptor refers to. */
export type Descriptor =
  | StreamDescriptor<"input", InputStream>
  | StreamDescriptor<"output", OutputStream>
  | DirectoryDescriptor
  | FileDescriptor;

/** What a guest can change of every descriptor. */
interface State {
  /** `fdflags`. */
  flags: number;
  /** Rights that the guest has given up. */
  dropped: Rights;
}

/** The state of a descriptor that a guest has from the start. */
export const INITIAL_STATE: State = { flags: 0, dropped: NO_RIGHTS };

interface StreamDescriptor<Kind, Stream> extends State {
  readonly kind: Kind;
  readonly stream: Stream;
  readonly isTerminal: boolean;
}

export interface DirectoryDescriptor extends State {
  readonly kind: "directory";
  readonly directory: OpenDirectory;
  /** The guest's path of it if it is open from the start. */
  readonly preopen: string | undefined;
  /** The entries when reading began, for `fd_readdir` to continue with. */
  entries: readonly DirectoryEntry[];
}

export interface FileDescriptor extends State {
  readonly kind: "file";
  readonly file: OpenFile;
  position: bigint;
}
