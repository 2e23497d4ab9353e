import { FileError, translateErrors } from "./error.ts";
import { fileInfoOf, fileTypeOf, HostFile, utimeSeconds } from "./host_file.ts";
import type {
  DirectoryEntry,
  FileInfo,
  NewTimes,
  PathSegments,
  Volume,
  VolumeFile,
  VolumeWriter,
  WriteMode,
} from "./volume.ts";

/** Names that Windows opens as devices, with any extension, and characters that it does not take literally. */
const UNSAFE_ON_WINDOWS = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)|[\\/:*?"<>|]|[. ]$/i;

/** A folder of the host's file system. */
export class HostVolume implements Volume, VolumeWriter {
  readonly #root: string;
  readonly writer: VolumeWriter | undefined;

  /** @param root an absolute path without symbolic links */
  constructor(root: string, readOnly: boolean) {
    this.#root = root.replace(/[/\\]$/, "");
    this.writer = readOnly ? undefined : this;
  }

  find(path: PathSegments): FileInfo | undefined {
    try {
      return fileInfoOf(translateErrors(() => Deno.lstatSync(this.#hostPath(path))));
    } catch (error) {
      if ((error as FileError).payload === "no-entry") return undefined;
      throw error;
    }
  }

  list(path: PathSegments): DirectoryEntry[] {
    const entries = translateErrors(() => [...Deno.readDirSync(this.#hostPath(path))]);
    return entries.map((entry) => ({ name: entry.name, type: fileTypeOf(entry) }));
  }

  readLink(path: PathSegments): string {
    return translateErrors(() => Deno.readLinkSync(this.#hostPath(path)));
  }

  open(path: PathSegments): VolumeFile {
    return new HostFile(translateErrors(() => Deno.openSync(this.#hostPath(path))), false);
  }

  openToWrite(path: PathSegments, { read, create, truncate }: WriteMode): VolumeFile {
    const options = { read, write: true, createNew: create, truncate };
    return new HostFile(translateErrors(() => Deno.openSync(this.#hostPath(path), options)), true);
  }

  createDirectory(path: PathSegments): void {
    translateErrors(() => Deno.mkdirSync(this.#hostPath(path)));
  }

  remove(path: PathSegments): void {
    translateErrors(() => Deno.removeSync(this.#hostPath(path)));
  }

  rename(from: PathSegments, to: PathSegments): void {
    translateErrors(() => Deno.renameSync(this.#hostPath(from), this.#hostPath(to)));
  }

  link(from: PathSegments, to: PathSegments): void {
    translateErrors(() => Deno.linkSync(this.#hostPath(from), this.#hostPath(to)));
  }

  setTimes(path: PathSegments, times: NewTimes): void {
    translateErrors(() => {
      const hostPath = this.#hostPath(path);
      Deno.utimeSync(hostPath, ...utimeSeconds(times, fileInfoOf(Deno.lstatSync(hostPath))));
    });
  }

  #hostPath(path: PathSegments): string {
    if (Deno.build.os === "windows" && path.some((name) => UNSAFE_ON_WINDOWS.test(name))) {
      throw new FileError("invalid");
    }
    return [this.#root, ...path].join("/") || "/";
  }
}
