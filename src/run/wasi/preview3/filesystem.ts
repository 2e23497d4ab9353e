import { WasiError } from "../errors.ts";
import { Descriptor as Descriptor2 } from "../filesystem/descriptor.ts";
import type { MountPoint } from "../filesystem/directory.ts";
import { FileError, type FileErrorCode } from "../filesystem/error.ts";
import { preopens } from "../filesystem/imports.ts";
import type { DirectoryEntry, FileType } from "../filesystem/volume.ts";
import type { OutputStream } from "../io/output_stream.ts";
import type { InstanceResources } from "../resources.ts";
import type { GuestTask } from "./guest_task.ts";
import { failedStream, type GuestStream, OK, type Outcome, readable, write } from "./streams.ts";

/** `error-code` of `wasi:filesystem/types`: a variant in 0.3. */
type ErrorCode = { readonly tag: FileErrorCode | "other"; readonly val?: string };

/** `descriptor-type` of `wasi:filesystem/types`: a variant in 0.3. */
interface DescriptorType {
  readonly tag: FileType | "other";
}

/** The parameters of a method of 0.2. */
type Parameters2<K extends keyof Descriptor2> = Descriptor2[K] extends
  (...parameters: infer P) => unknown ? P : never;

/** `descriptor` of `wasi:filesystem/types` 0.3: that of 0.2, with asynchronous functions and streams. */
export class Descriptor implements Disposable {
  readonly #descriptor: Descriptor2;
  readonly #task: GuestTask;
  readonly #mutateDirectory: boolean;

  /** @param mutateDirectory whether a directory was opened to change what it contains */
  constructor(descriptor: Descriptor2, task: GuestTask, mutateDirectory: boolean) {
    this.#descriptor = descriptor;
    this.#task = task;
    this.#mutateDirectory = mutateDirectory;
  }

  readViaStream(offset: bigint): [AsyncIterable<Uint8Array> | [], Promise<Outcome<ErrorCode>>] {
    try {
      return readable(this.#descriptor.readViaStream(offset), codeOf);
    } catch (error) {
      return failedStream(codeOf(error));
    }
  }

  writeViaStream(stream: GuestStream<Uint8Array>, offset: bigint): Promise<Outcome<ErrorCode>> {
    return this.#write(stream, () => this.#descriptor.writeViaStream(offset));
  }

  appendViaStream(stream: GuestStream<Uint8Array>): Promise<Outcome<ErrorCode>> {
    return this.#write(stream, () => this.#descriptor.appendViaStream());
  }

  readDirectory(): [Iterable<object>, Promise<Outcome<ErrorCode>>] {
    try {
      const entries = this.#descriptor.readDirectory();
      return [listed(() => entries.readDirectoryEntry()), Promise.resolve(OK)];
    } catch (error) {
      return failedStream(codeOf(error));
    }
  }

  advise(): Promise<void> {
    return call(() => {
      if (this.#descriptor.getType() === "directory") throw new FileError("bad-descriptor");
      this.#descriptor.advise();
    });
  }

  sync(): Promise<void> {
    return call(() => this.#descriptor.sync());
  }

  syncData(): Promise<void> {
    return call(() => this.#descriptor.syncData());
  }

  getFlags(): Promise<object> {
    return call(() => {
      const flags = this.#descriptor.getFlags();
      const mutateDirectory = this.#mutateDirectory && flags["mutateDirectory"];
      return { ...flags, mutateDirectory };
    });
  }

  getType(): Promise<DescriptorType> {
    return call(() => typeOf(this.#descriptor.getType()));
  }

  setSize(size: bigint): Promise<void> {
    return call(() => this.#descriptor.setSize(size));
  }

  setTimes(...parameters: Parameters2<"setTimes">): Promise<void> {
    return call(() => {
      const isFile = this.#descriptor.getType() !== "directory";
      // Deno sets the times of an open file only if it may write to it.
      if (isFile && !this.#descriptor.getFlags()["write"]) throw new FileError("not-permitted");
      this.#descriptor.setTimes(...parameters);
    });
  }

  stat(): Promise<object> {
    return call(() => statOf(this.#descriptor.stat()));
  }

  statAt(...parameters: Parameters2<"statAt">): Promise<object> {
    return call(() => statOf(this.#descriptor.statAt(...parameters)));
  }

  metadataHash(): Promise<object> {
    return call(() => this.#descriptor.metadataHash());
  }

  metadataHashAt(...parameters: Parameters2<"metadataHashAt">): Promise<object> {
    return call(() => this.#descriptor.metadataHashAt(...parameters));
  }

  isSameObject(other: Descriptor): Promise<boolean> {
    return call(() => this.#descriptor.isSameObject(other.#descriptor));
  }

  createDirectoryAt(path: string): Promise<void> {
    return call(() => this.#descriptor.createDirectoryAt(path));
  }

  setTimesAt(...parameters: Parameters2<"setTimesAt">): Promise<void> {
    return call(() => this.#descriptor.setTimesAt(...parameters));
  }

  /** Opens a file; one that is created or truncated can be written to. */
  openAt(...[pathFlags, path, openFlags, flags]: Parameters2<"openAt">): Promise<Descriptor> {
    return call(() => {
      const { create, truncate } = openFlags;
      const write = flags["write"] || create || truncate;
      const opened = this.#descriptor.openAt(pathFlags, path, openFlags, {
        ...flags,
        read: flags["read"] || !flags["write"],
        write,
      });
      return new Descriptor(opened, this.#task, flags["mutateDirectory"] ?? false);
    });
  }

  readlinkAt(path: string): Promise<string> {
    return call(() => this.#descriptor.readlinkAt(path));
  }

  linkAt(
    flags: Parameters2<"linkAt">[0],
    path: string,
    to: Descriptor,
    newPath: string,
  ): Promise<void> {
    return call(() => this.#descriptor.linkAt(flags, path, to.#descriptor, newPath));
  }

  symlinkAt(...parameters: Parameters2<"symlinkAt">): Promise<void> {
    return call(() => this.#descriptor.symlinkAt(...parameters));
  }

  renameAt(path: string, to: Descriptor, newPath: string): Promise<void> {
    return call(() => this.#descriptor.renameAt(path, to.#descriptor, newPath));
  }

  removeDirectoryAt(path: string): Promise<void> {
    return call(() => this.#descriptor.removeDirectoryAt(path));
  }

  unlinkFileAt(path: string): Promise<void> {
    return call(() => this.#descriptor.unlinkFileAt(path));
  }

  [Symbol.dispose](): void {
    this.#descriptor[Symbol.dispose]();
  }

  async #write(
    stream: GuestStream<Uint8Array>,
    open: () => OutputStream,
  ): Promise<Outcome<ErrorCode>> {
    let output: OutputStream;
    try {
      output = open();
    } catch (error) {
      stream[Symbol.dispose]();
      return { tag: "err", val: codeOf(error) };
    }
    return await this.#task.track(write(stream, output, codeOf));
  }
}

/** `wasi:filesystem` 0.3. */
export function filesystemImports(
  mounts: readonly MountPoint[],
  resources: InstanceResources,
  task: GuestTask,
): Record<string, object> {
  return {
    "wasi3:filesystem/types": { Descriptor },
    "wasi3:filesystem/preopens": {
      getDirectories: () =>
        preopens(mounts, resources).map((directory) => [
          new Descriptor(new Descriptor2(directory), task, true),
          directory.mount.guest,
        ]),
    },
  };
}

/** Calls a function of 0.2. @throws WasiError with an error-code of 0.3 */
// deno-lint-ignore require-await
async function call<T>(action: () => T): Promise<T> {
  try {
    return action();
  } catch (error) {
    throw error instanceof FileError ? new WasiError(codeOf(error)) : error;
  }
}

function* listed(next: () => DirectoryEntry | undefined): Generator<object> {
  for (let entry = next(); entry; entry = next()) {
    yield { type: typeOf(entry.type), name: entry.name };
  }
}

function typeOf(type: FileType): DescriptorType {
  return { tag: type === "unknown" ? "other" : type };
}

function statOf(stat: object): object {
  return { ...stat, type: typeOf((stat as { type: FileType }).type) };
}

/** Returns the error code of a failed operation. @throws the error if it is to trap the guest */
function codeOf(error: unknown): ErrorCode {
  if (error === undefined) return { tag: "io" };
  if (!(error instanceof FileError)) throw error;
  const code = error.payload;
  return code === "would-block" ? { tag: "other", val: code } : { tag: code };
}
