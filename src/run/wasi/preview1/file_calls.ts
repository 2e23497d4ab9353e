import type { DirectoryEntry } from "../filesystem/volume.ts";
import { OutputStream } from "../io/output_stream.ts";
import { WasiError } from "../errors.ts";
import { type Calls, type Guest, unsigned } from "./guest.ts";
import type { DirectoryDescriptor, FileDescriptor } from "./descriptor_table.ts";
import { Errno } from "./errno.ts";
import { unsigned32 } from "./memory.ts";
import { directoryEntry, writeFdstat, writeFilestat, writeStreamstat } from "./structs.ts";
import { newTimes } from "./times.ts";

/** Source: WASI preview 1, `fdflags`. */
const APPEND = 1;

/** Functions on descriptors. */
export function fileCalls(guest: Guest): Calls {
  const { memory, descriptors } = guest;
  return {
    ...readingAndWriting(guest),
    fd_advise: (fd: number) => void descriptors.file(fd),
    fd_allocate() {
      throw new Errno("notsup");
    },
    fd_close: (fd: number) => descriptors.close(fd),
    fd_datasync: (fd: number) => sync(guest, fd),
    fd_sync: (fd: number) => sync(guest, fd),
    fd_fdstat_get: (fd: number, pointer: number) =>
      writeFdstat(memory, pointer, descriptors.get(fd)),
    fd_fdstat_set_flags(fd: number, flags: number) {
      const descriptor = descriptors.get(fd);
      if (descriptor.kind === "file") descriptor.append = (flags & APPEND) !== 0;
    },
    fd_fdstat_set_rights: (fd: number) => void descriptors.get(fd),
    fd_filestat_get(fd: number, pointer: number) {
      const descriptor = descriptors.get(fd);
      if (descriptor.kind === "file") writeFilestat(memory, pointer, descriptor.file.info());
      else if (descriptor.kind === "folder") {
        writeFilestat(memory, pointer, descriptor.directory.info());
      } else writeStreamstat(memory, pointer, descriptor.isTerminal);
    },
    fd_filestat_set_size: (fd: number, size: bigint) =>
      descriptors.file(fd).file.resize(unsigned(size)),
    fd_filestat_set_times(fd: number, accessed: bigint, modified: bigint, flags: number) {
      const descriptor = descriptors.get(fd);
      const times = newTimes(accessed, modified, flags);
      if (descriptor.kind === "file") descriptor.file.setTimes(times);
      else if (descriptor.kind === "folder") descriptor.directory.setTimes(times);
      else throw new Errno("badf");
    },
    fd_prestat_get(fd: number, pointer: number) {
      const view = memory.view(pointer, 8);
      view.setUint32(0, 0, true);
      view.setUint32(4, preopenOf(descriptors.directory(fd)).length, true);
    },
    fd_prestat_dir_name(fd: number, pointer: number, length: number) {
      memory.write(pointer, preopenOf(descriptors.directory(fd)).subarray(0, unsigned32(length)));
    },
    fd_readdir(fd: number, pointer: number, length: number, cookie: bigint, used: number) {
      const folder = descriptors.directory(fd);
      const count = readFolder(folder, memory.bytes(pointer, length), unsigned(cookie));
      memory.setU32(used, count);
    },
    fd_renumber: (from: number, to: number) => descriptors.renumber(from, to),
    fd_seek(fd: number, offset: bigint, whence: number, pointer: number) {
      const descriptor = descriptors.file(fd);
      descriptor.position = seek(descriptor, offset, whence);
      memory.setU64(pointer, descriptor.position);
    },
    fd_tell: (fd: number, pointer: number) => memory.setU64(pointer, descriptors.file(fd).position),
  };
}

function readingAndWriting({ memory, descriptors }: Guest): Calls {
  return {
    fd_pread(fd: number, list: number, count: number, offset: bigint, pointer: number) {
      const bytes = descriptors.file(fd).file.read(memory.room(list, count), unsigned(offset));
      memory.scatter(list, count, bytes ?? new Uint8Array());
      memory.setU32(pointer, bytes?.length ?? 0);
    },
    fd_pwrite(fd: number, list: number, count: number, offset: bigint, pointer: number) {
      const bytes = memory.gather(list, count);
      descriptors.file(fd).file.write(bytes, unsigned(offset));
      memory.setU32(pointer, bytes.length);
    },
    fd_read(fd: number, list: number, count: number, pointer: number) {
      const descriptor = descriptors.get(fd);
      const room = memory.room(list, count);
      const deliver = (bytes: Uint8Array | null) => {
        memory.scatter(list, count, bytes ?? new Uint8Array());
        memory.setU32(pointer, bytes?.length ?? 0);
      };
      if (descriptor.kind === "input") {
        return descriptor.stream.blockingRead(BigInt(room)).catch(endOfInput).then(deliver);
      }
      if (descriptor.kind !== "file") throw new Errno("badf");
      const bytes = descriptor.file.read(room, descriptor.position);
      descriptor.position += BigInt(bytes?.length ?? 0);
      deliver(bytes);
    },
    fd_write(fd: number, list: number, count: number, pointer: number) {
      const descriptor = descriptors.get(fd);
      const bytes = memory.gather(list, count);
      if (descriptor.kind === "output") {
        const written = writeOut(descriptor.stream, bytes);
        if (written) return written.then(() => memory.setU32(pointer, bytes.length));
      } else if (descriptor.kind === "file") writeFile(descriptor, bytes);
      else throw new Errno("badf");
      memory.setU32(pointer, bytes.length);
    },
  };
}

function writeFile(descriptor: FileDescriptor, bytes: Uint8Array): void {
  const { file } = descriptor;
  if (descriptor.append) {
    file.append(bytes);
    descriptor.position = file.info().size;
  } else {
    file.write(bytes, descriptor.position);
    descriptor.position += BigInt(bytes.length);
  }
}

/** @returns nothing where all is out at once: to wait, even for nothing, costs as much as to write */
function writeOut(stream: OutputStream, bytes: Uint8Array): Promise<void> | undefined {
  const written = stream.blockingWriteAndFlush(bytes);
  if (OutputStream.isDrained(stream) && !OutputStream.hasFailed(stream)) return undefined;
  return written.catch((error) => {
    throw new Errno(isEnd(error) ? "pipe" : "io");
  });
}

function endOfInput(error: unknown): null {
  if (isEnd(error)) return null;
  throw error instanceof WasiError ? new Errno("io") : error;
}

/** Whether a stream's error is that it is closed. */
function isEnd(error: unknown): boolean {
  return error instanceof WasiError && (error.payload as { tag?: string }).tag === "closed";
}

function sync({ descriptors }: Guest, fd: number): void {
  const descriptor = descriptors.get(fd);
  if (descriptor.kind === "file") descriptor.file.sync();
}

/** Source: WASI preview 1, `whence`: from the start, from here, from the end. */
function seek({ position, file }: FileDescriptor, offset: bigint, whence: number): bigint {
  const bases = [() => 0n, () => position, () => file.info().size];
  const base = bases[whence]?.();
  if (base === undefined || base + offset < 0n) throw new Errno("inval");
  return base + offset;
}

function preopenOf({ preopen }: DirectoryDescriptor): Uint8Array {
  if (preopen === undefined) throw new Errno("badf");
  return new TextEncoder().encode(preopen);
}

/**
 * Fills a buffer with entries from the given one on; the last may be cut, which says that there are more.
 * @returns how many bytes of the buffer are used
 */
function readFolder(folder: DirectoryDescriptor, buffer: Uint8Array, start: bigint): number {
  if (start === 0n) folder.entries = [...SELF_AND_PARENT, ...folder.directory.list()];
  let used = 0;
  for (let i = Number(start); i < folder.entries.length && used < buffer.length; i++) {
    const { name, type } = folder.entries[i]!;
    const entry = directoryEntry(name, type, inodeOf(folder, name), BigInt(i + 1));
    const part = entry.subarray(0, buffer.length - used);
    buffer.set(part, used);
    used += part.length;
  }
  return used;
}

const SELF_AND_PARENT: readonly DirectoryEntry[] = [
  { name: ".", type: "directory" },
  { name: "..", type: "directory" },
];

/** Zero, which says that it is not told, for the parent, which may be out of reach, and for what is gone. */
function inodeOf({ directory: place }: DirectoryDescriptor, name: string): bigint {
  if (name === "..") return 0n;
  try {
    return place.infoAt(name, false).inode;
  } catch {
    return 0n;
  }
}
