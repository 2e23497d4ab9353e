import { attempt, FileError } from "./error.ts";
import { HostFile, infoOf, secondsOf, typeOf } from "./host_file.ts";
import type {
  FileInfo,
  FolderEntry,
  Names,
  NewTimes,
  Volume,
  VolumeChanges,
  VolumeFile,
  WriteMode,
} from "./volume.ts";

/** Names that mean a device on Windows, whatever they end with, and characters that mean more than themselves. */
const UNSAFE_ON_WINDOWS = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)|[\\/:*?"<>|]|[. ]$/i;

/** A folder of the host. */
export class FolderVolume implements Volume, VolumeChanges {
  readonly #root: string;
  readonly changes: VolumeChanges | undefined;

  /** @param root absolute, and without links */
  constructor(root: string, readOnly: boolean) {
    this.#root = root.replace(/[/\\]$/, "");
    this.changes = readOnly ? undefined : this;
  }

  find(names: Names): FileInfo | undefined {
    try {
      return infoOf(attempt(() => Deno.lstatSync(this.#path(names))));
    } catch (error) {
      if ((error as FileError).payload === "no-entry") return undefined;
      throw error;
    }
  }

  list(names: Names): FolderEntry[] {
    const entries = attempt(() => [...Deno.readDirSync(this.#path(names))]);
    return entries.map((entry) => ({ name: entry.name, type: typeOf(entry) }));
  }

  readLink(names: Names): string {
    return attempt(() => Deno.readLinkSync(this.#path(names)));
  }

  open(names: Names): VolumeFile {
    return new HostFile(attempt(() => Deno.openSync(this.#path(names))), false);
  }

  openToWrite(names: Names, { read, create, truncate }: WriteMode): VolumeFile {
    const options = { read, write: true, createNew: create, truncate };
    return new HostFile(attempt(() => Deno.openSync(this.#path(names), options)), true);
  }

  makeFolder(names: Names): void {
    attempt(() => Deno.mkdirSync(this.#path(names)));
  }

  remove(names: Names): void {
    attempt(() => Deno.removeSync(this.#path(names)));
  }

  rename(from: Names, to: Names): void {
    attempt(() => Deno.renameSync(this.#path(from), this.#path(to)));
  }

  link(from: Names, to: Names): void {
    attempt(() => Deno.linkSync(this.#path(from), this.#path(to)));
  }

  setTimes(names: Names, times: NewTimes): void {
    const path = this.#path(names);
    attempt(() => Deno.utimeSync(path, ...secondsOf(times, infoOf(Deno.lstatSync(path)))));
  }

  #path(names: Names): string {
    if (Deno.build.os === "windows" && names.some((name) => UNSAFE_ON_WINDOWS.test(name))) {
      throw new FileError("invalid");
    }
    return [this.#root, ...names].join("/") || "/";
  }
}
