import {
  type Descriptor,
  type DirectoryDescriptor,
  type FileDescriptor,
  NO_RIGHTS,
  type Rights,
} from "./descriptor.ts";
import { Errno } from "./errno.ts";
import { unsigned32 } from "./memory.ts";
import { rightsOf } from "./rights.ts";

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
    if (descriptor.kind !== "directory") throw new Errno("notdir");
    return descriptor;
  }

  /** @throws Errno if the guest has given up one of these rights of a descriptor */
  requireRights(number: number, rights: bigint): void {
    const dropped = this.#descriptors.get(unsigned32(number))?.dropped ?? NO_RIGHTS;
    if (dropped !== NO_RIGHTS && (dropped.base & rights) !== 0n) throw new Errno("notcapable");
  }

  /** Reduces the rights of a descriptor. @throws Errno if it lacks one of them */
  setRights(number: number, { base, inheriting }: Rights): void {
    const descriptor = this.get(number);
    const old = rightsOf(descriptor);
    if (base & ~old.base || inheriting & ~old.inheriting) throw new Errno("notcapable");
    descriptor.dropped = { base: ~base, inheriting: ~inheriting };
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
