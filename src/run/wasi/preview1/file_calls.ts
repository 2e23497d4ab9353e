import { WasiError } from "../errors.ts";
import type { InputStream } from "../io/input_stream.ts";
import { OutputStream } from "../io/output_stream.ts";
import { yieldToEventLoop } from "../io/poll.ts";
import {
  ALL_FD_FLAGS,
  FD_FLAGS,
  newTimes,
  writeFdstat,
  writeFilestat,
  writeStreamFilestat,
} from "./abi.ts";
import type { FileDescriptor } from "./descriptor.ts";
import { Errno } from "./errno.ts";
import type { Calls, Guest } from "./guest.ts";
import { unsigned64 } from "./memory.ts";

/** Functions on descriptors, except those on directories only. */
export function fileCalls(guest: Guest): Calls {
  const { descriptors } = guest;
  return {
    ...statCalls(guest),
    ...readAndWriteCalls(guest),
    ...seekCalls(guest),
    fd_advise: (fd: number) => void descriptors.file(fd),
    fd_allocate(fd: number) {
      descriptors.file(fd);
      throw new Errno("notsup");
    },
    fd_close: (fd: number) => descriptors.close(fd),
    fd_datasync: (fd: number) => sync(guest, fd),
    fd_sync: (fd: number) => sync(guest, fd),
    fd_renumber: (from: number, to: number) => descriptors.renumber(from, to),
  };
}

function statCalls({ memory, descriptors }: Guest): Calls {
  return {
    fd_fdstat_get: (fd: number, pointer: number) =>
      writeFdstat(memory, pointer, descriptors.get(fd)),
    fd_fdstat_set_flags(fd: number, flags: number) {
      const descriptor = descriptors.get(fd);
      if (flags & ~ALL_FD_FLAGS) throw new Errno("inval");
      descriptor.flags = flags;
    },
    fd_fdstat_set_rights: (fd: number, base: bigint, inheriting: bigint) =>
      descriptors.setRights(fd, { base: unsigned64(base), inheriting: unsigned64(inheriting) }),
    fd_filestat_get(fd: number, pointer: number) {
      const descriptor = descriptors.get(fd);
      if (descriptor.kind === "file") writeFilestat(memory, pointer, descriptor.file.info());
      else if (descriptor.kind === "directory") {
        writeFilestat(memory, pointer, descriptor.directory.info());
      } else writeStreamFilestat(memory, pointer, descriptor.isTerminal);
    },
    fd_filestat_set_size: (fd: number, size: bigint) =>
      descriptors.file(fd).file.resize(unsigned64(size)),
    fd_filestat_set_times(fd: number, accessed: bigint, modified: bigint, flags: number) {
      const descriptor = descriptors.get(fd);
      const times = newTimes(accessed, modified, flags);
      if (descriptor.kind === "file") descriptor.file.setTimes(times);
      else if (descriptor.kind === "directory") descriptor.directory.setTimes(times);
      else throw new Errno("badf");
    },
  };
}

function readAndWriteCalls({ memory, descriptors }: Guest): Calls {
  const deliver = (list: number, count: number, pointer: number, bytes: Uint8Array | null) => {
    memory.scatter(list, count, bytes ?? new Uint8Array());
    memory.setU32(pointer, bytes?.length ?? 0);
  };
  return {
    fd_pread(fd: number, list: number, count: number, offset: bigint, pointer: number) {
      const bytes = descriptors.file(fd).file.read(memory.room(list, count), unsigned64(offset));
      deliver(list, count, pointer, bytes);
    },
    fd_pwrite(fd: number, list: number, count: number, offset: bigint, pointer: number) {
      const bytes = memory.gather(list, count);
      const descriptor = descriptors.file(fd);
      descriptor.file.write(bytes, unsigned64(offset));
      syncIfFlagged(descriptor);
      memory.setU32(pointer, bytes.length);
    },
    fd_read(fd: number, list: number, count: number, pointer: number) {
      const descriptor = descriptors.get(fd);
      const room = memory.room(list, count);
      if (descriptor.kind === "input") {
        const { stream, flags } = descriptor;
        const reading = flags & FD_FLAGS.nonblock
          ? readNow(stream, room)
          : stream.blockingRead(BigInt(room));
        return reading.catch(nullAtEnd)
          .then((bytes) => deliver(list, count, pointer, bytes));
      }
      if (descriptor.kind !== "file") throw new Errno("badf");
      const bytes = descriptor.file.read(room, descriptor.position);
      descriptor.position += BigInt(bytes?.length ?? 0);
      deliver(list, count, pointer, bytes);
    },
    fd_write(fd: number, list: number, count: number, pointer: number) {
      const descriptor = descriptors.get(fd);
      const bytes = memory.gather(list, count);
      if (descriptor.kind === "output") {
        const written = writeStream(descriptor.stream, bytes);
        if (written) return written.then(() => memory.setU32(pointer, bytes.length));
      } else if (descriptor.kind === "file") writeFile(descriptor, bytes);
      else throw new Errno("badf");
      memory.setU32(pointer, bytes.length);
    },
  };
}

function writeFile(descriptor: FileDescriptor, bytes: Uint8Array): void {
  const { file } = descriptor;
  if (descriptor.flags & FD_FLAGS.append) {
    file.append(bytes);
    descriptor.position = file.info().size;
  } else {
    file.write(bytes, descriptor.position);
    descriptor.position += BigInt(bytes.length);
  }
  syncIfFlagged(descriptor);
}

function syncIfFlagged({ file, flags }: FileDescriptor): void {
  if (flags & (FD_FLAGS.dsync | FD_FLAGS.sync)) file.sync();
}

/** Yields first: otherwise a guest that tries again at once would never let the input arrive. */
async function readNow(stream: InputStream, room: number): Promise<Uint8Array> {
  await yieldToEventLoop();
  const bytes = stream.read(BigInt(room));
  if (bytes.length === 0 && room > 0) throw new Errno("again");
  return bytes;
}

/** Returns nothing if the sink was synchronous: waiting, even for nothing, costs as much as the write itself. */
function writeStream(stream: OutputStream, bytes: Uint8Array): Promise<void> | undefined {
  const written = stream.blockingWriteAndFlush(bytes);
  if (OutputStream.isDrained(stream) && !OutputStream.hasFailed(stream)) return undefined;
  return written.catch((error) => {
    throw new Errno(isClosed(error) ? "pipe" : "io");
  });
}

function nullAtEnd(error: unknown): null {
  if (isClosed(error)) return null;
  throw error instanceof WasiError ? new Errno("io") : error;
}

/** True for the stream-error `closed`. */
function isClosed(error: unknown): boolean {
  return error instanceof WasiError && (error.payload as { tag?: string }).tag === "closed";
}

function sync({ descriptors }: Guest, fd: number): void {
  const descriptor = descriptors.get(fd);
  if (descriptor.kind === "file") descriptor.file.sync();
}

function seekCalls({ memory, descriptors }: Guest): Calls {
  return {
    fd_seek(fd: number, offset: bigint, whence: number, pointer: number) {
      const descriptor = descriptors.file(fd);
      descriptor.position = newPosition(descriptor, offset, whence);
      memory.setU64(pointer, descriptor.position);
    },
    fd_tell: (fd: number, pointer: number) => memory.setU64(pointer, descriptors.file(fd).position),
  };
}

/** @param whence relative to the start, the current position or the end of the file */
function newPosition({ position, file }: FileDescriptor, offset: bigint, whence: number): bigint {
  const bases = [() => 0n, () => position, () => file.info().size];
  const base = bases[whence]?.();
  if (base === undefined || base + offset < 0n) throw new Errno("inval");
  return base + offset;
}
