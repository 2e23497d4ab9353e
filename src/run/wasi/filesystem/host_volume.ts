import { lutimesSync } from "node:fs";
import { FileError, translateErrors } from "./error.ts";
import { fileInfoOf, fileTypeOf, HostFile, utimeDates } from "./host_file.ts";
import type {
  DirectoryEntry,
  FileInfo,
  LinkMaker,
  NewTimes,
  PathSegments,
  Volume,
  VolumeFile,
  VolumeWriter,
  WriteMode,
} from "./volume.ts";

/** Names that Windows opens as devices, with any extension, and characters that it does not take literally. */
const UNSAFE_ON_WINDOWS = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)|[\\/:*?"<>|]|[. ]$/i;

/** The devices that a guest may open: Deno lets a thread use them that may read and write `/`. */
const HARMLESS_DEVICES: ReadonlySet<string> = new Set(
  ["null", "zero", "random", "urandom"].map((name) => `/dev/${name}`),
);

/** A folder of the host's file system. */
export class HostVolume implements Volume, VolumeWriter {
  readonly #root: string;
  readonly writer: VolumeWriter | undefined;
  readonly createLink: VolumeWriter["createLink"];

  /**
   * @param root an absolute path without symbolic links
   * @param makeLink creates symbolic links; without it, guests cannot
   */
  constructor(root: string, readOnly: boolean, makeLink?: LinkMaker) {
    this.#root = root.replace(/[/\\]$/, "");
    this.writer = readOnly ? undefined : this;
    this.createLink = makeLink && ((path, target) => makeLink({ host: root, path, target }));
  }

  find(path: PathSegments): FileInfo | undefined {
    try {
      const hostPath = this.#hostPath(path);
      // Deno lets a guest's thread use the harmless devices, but not look at the directory that they are in.
      if (hostPath === "/dev" && path.length === 1) return { ...this.find([])!, inode: 0n };
      const info = fileInfoOf(translateErrors(() => Deno.lstatSync(hostPath)));
      return HARMLESS_DEVICES.has(hostPath) ? { ...info, isHarmlessDevice: true } : info;
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
      // Unlike Deno's own function, this one does not follow a link in the last name.
      lutimesSync(hostPath, ...utimeDates(times, fileInfoOf(Deno.lstatSync(hostPath))));
    });
  }

  #hostPath(path: PathSegments): string {
    if (Deno.build.os === "windows" && path.some((name) => UNSAFE_ON_WINDOWS.test(name))) {
      throw new FileError("invalid");
    }
    return [this.#root, ...path].join("/") || "/";
  }
}
