import type { OpenDirectory } from "../filesystem/directory.ts";
import type { OpenFile } from "../filesystem/open_file.ts";
import type { DirectoryEntry } from "../filesystem/volume.ts";
import type { InputStream } from "../io/input_stream.ts";
import type { OutputStream } from "../io/output_stream.ts";
import { Errno } from "./errno.ts";
import { unsigned32 } from "./memory.ts";

/** What a file descriptor refers to. */
export type Descriptor =
  | { readonly kind: "input"; readonly stream: InputStream; readonly isTerminal: boolean }
  | { readonly kind: "output"; readonly stream: OutputStream; readonly isTerminal: boolean }
  | DirectoryDescriptor
  | FileDescriptor;

export interface DirectoryDescriptor {
  readonly kind: "directory";
  readonly directory: OpenDirectory;
  /** The guest's path of it if it is open from the start. */
  readonly preopen: string | undefined;
  /** The entries when reading began, for `fd_readdir` to continue with. */
  entries: readonly DirectoryEntry[];
}

export interface FileDescriptor {
  readonly kind: "file";
  readonly file: OpenFile;
  position: bigint;
  /** True if writes go to the end of the file, whatever the position. */
  append: boolean;
}

/** The descriptors of one guest, by number. */
export class DescriptorTable {
  readonly #descriptors = new Map<number, Descriptor>();

  /** Returns the lowest free number. */
  add(descriptor: Descriptor): number {
    let number = 0;
    while (this.#descriptors.has(number)) number++;
    this.#descriptors.set(number, descriptor);
    return number;
  }

  get(number: number): Descriptor {
    const descriptor = this.#descriptors.get(unsigned32(number));
    if (!descriptor) throw new Errno("badf");
    return descriptor;
  }

  directory(number: number): DirectoryDescriptor {
    const descriptor = this.get(number);
    if (descriptor.kind !== "directory") throw new Errno("badf");
    return descriptor;
  }

  /** @throws Errno for a descriptor that cannot seek */
  file(number: number): FileDescriptor {
    const descriptor = this.get(number);
    if (descriptor.kind === "file") return descriptor;
    throw new Errno(descriptor.kind === "directory" ? "badf" : "spipe");
  }

  close(number: number): void {
    const descriptor = this.get(number);
    this.#descriptors.delete(unsigned32(number));
    if (descriptor.kind === "file") descriptor.file.release();
  }

  /** Moves a descriptor to the number of another one, which is closed. */
  renumber(from: number, to: number): void {
    const descriptor = this.get(from);
    if (from === to) return;
    this.close(to);
    this.#descriptors.delete(unsigned32(from));
    this.#descriptors.set(unsigned32(to), descriptor);
  }
}
