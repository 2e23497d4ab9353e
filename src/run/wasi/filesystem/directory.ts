import type { InstanceResources } from "../resources.ts";
import type { Denials } from "../../grants/denials.ts";
import { FileError } from "./error.ts";
import { OpenFile } from "./open_file.ts";
import type { FileInfo, FolderEntry, Names, NewTimes, Volume, VolumeChanges } from "./volume.ts";

/** The longest path that a guest may name, as on Linux … */
export const GUEST_PATH = 4096;

/** … and how many symbolic links it may lead through. */
const GUEST_LINKS = 40;

/** A volume where guests see it. */
export interface MountPoint {
  /** What guests call its root. */
  readonly guest: string;
  readonly volume: Volume;
  /** Where a folder of the host is; undefined for static files, which nobody could grant more of. */
  readonly host: string | undefined;
  readonly denials: Denials;
}

export interface OpenOptions {
  readonly follow: boolean;
  readonly create: boolean;
  /** With `create`, what is there already is an error. */
  readonly exclusive: boolean;
  readonly truncate: boolean;
  /** Anything but a folder is an error. */
  readonly folder: boolean;
  readonly read: boolean;
  readonly write: boolean;
}

/** Where a path leads. */
interface Target {
  readonly names: Names;
  /** Undefined where nothing is there yet; then all that is before it is. */
  readonly info: FileInfo | undefined;
  /** The path ends as those of folders do: with a slash, a dot or two. */
  readonly asFolder: boolean;
}

/**
 * A folder that a guest has open, and what can be done below it.
 *
 * Every path is walked here, name by name: `..` and symbolic links stay below this folder or are refused, and what
 * the walk ends with has no link in it but maybe the last name. Deno has no way to open a name in an open folder, so
 * this holds as long as nobody puts a link in the place of a folder between the look and the use. Guests cannot
 * make links, and one of this thread never gets in between. Other programs that may write to the folder could, and
 * so could a guest in another thread that renames folders in which there are links already.
 */
export class OpenDirectory {
  readonly mount: MountPoint;
  readonly #names: Names;
  readonly #resources: InstanceResources;

  constructor(mount: MountPoint, names: Names, resources: InstanceResources) {
    this.mount = mount;
    this.#names = names;
    this.#resources = resources;
  }

  get isReadOnly(): boolean {
    return this.mount.volume.changes === undefined;
  }

  info(): FileInfo {
    return found(this.mount.volume.find(this.#names));
  }

  infoAt(path: string, follow: boolean): FileInfo {
    return found(this.#walk(path, follow).info);
  }

  list(): FolderEntry[] {
    return this.mount.volume.list(this.#names);
  }

  /** What a link says; an absolute target would tell how the host's folders lie. */
  readLink(path: string): string {
    const { names, info } = this.#walk(path, false);
    if (found(info).type !== "symbolic-link") throw new FileError("invalid");
    const target = this.mount.volume.readLink(names);
    if (target.startsWith("/")) throw new FileError("not-permitted");
    return target;
  }

  open(path: string, options: OpenOptions): OpenDirectory | OpenFile {
    if (options.create && options.folder) throw new FileError("invalid");
    const isNew = options.create && options.exclusive;
    const { names, info, asFolder } = this.#walk(path, options.follow && !isNew);
    if (info && isNew) throw new FileError("exist");
    if (!info) {
      if (!options.create) throw new FileError("no-entry");
      if (asFolder) throw new FileError("is-directory");
      return this.#openFile(names, options, true);
    }
    if (info.type === "directory") return this.#openFolder(names, options);
    if (options.folder) throw new FileError("not-directory");
    if (info.type === "symbolic-link") throw new FileError("loop");
    // To open a pipe could block for ever, and to open a device could do anything.
    if (info.type === "unknown") throw new FileError("not-permitted");
    return this.#openFile(names, options, false);
  }

  makeFolder(path: string): void {
    const { names, info } = this.#walk(path, false);
    if (info) throw new FileError("exist");
    this.#changes().makeFolder(names);
  }

  removeFolder(path: string): void {
    const { names, info } = this.#walk(path, false);
    if (found(info).type !== "directory") throw new FileError("not-directory");
    if (names.length === 0) throw new FileError("busy");
    this.#changes().remove(names);
  }

  removeFile(path: string): void {
    const { names, info } = this.#walk(path, false);
    if (found(info).type === "directory") throw new FileError("is-directory");
    this.#changes().remove(names);
  }

  rename(path: string, to: OpenDirectory, newPath: string): void {
    const from = this.#walk(path, false);
    const target = to.#walk(newPath, false);
    const isFolder = found(from.info).type === "directory";
    if (!isFolder && target.asFolder) throw new FileError("not-directory");
    if (from.names.length === 0 || target.names.length === 0) throw new FileError("busy");
    if (to.mount !== this.mount) throw new FileError("cross-device");
    this.#changes().rename(from.names, target.names);
  }

  /** Gives a file a second name; a second name for a link would be a new link. */
  link(path: string, follow: boolean, to: OpenDirectory, newPath: string): void {
    const { names, info } = this.#walk(path, follow);
    const target = to.#walk(newPath, false);
    if (found(info).type !== "regular-file") throw new FileError("not-permitted");
    if (target.info) throw new FileError("exist");
    if (target.asFolder) throw new FileError("no-entry");
    if (to.mount !== this.mount) throw new FileError("cross-device");
    this.#changes().link(names, target.names);
  }

  /** Symbolic links are not made: see above. */
  makeLink(): never {
    this.#changes();
    throw new FileError("not-permitted");
  }

  setTimes(times: NewTimes): void {
    this.#changes().setTimes(this.#names, times);
  }

  setTimesAt(path: string, follow: boolean, times: NewTimes): void {
    const { names, info } = this.#walk(path, follow);
    // Deno would set those of what it leads to.
    if (found(info).type === "symbolic-link") throw new FileError("unsupported");
    this.#changes().setTimes(names, times);
  }

  #openFolder(names: Names, { write, truncate, create }: OpenOptions): OpenDirectory {
    if (write || truncate || create) throw new FileError("is-directory");
    return new OpenDirectory(this.mount, names, this.#resources);
  }

  #openFile(names: Names, options: OpenOptions, create: boolean): OpenFile {
    const { write, truncate, read } = options;
    if (this.#resources.isFull) throw new FileError("insufficient-memory");
    const file = write || truncate || create
      ? this.#changes().openToWrite(names, { read: read || !write, create, truncate })
      : this.mount.volume.open(names);
    return new OpenFile(file, { read: read || !write, write }, this.#resources);
  }

  /** @throws FileError where the guest may only read */
  #changes(): VolumeChanges {
    const { volume, host, guest, denials } = this.mount;
    if (volume.changes) return volume.changes;
    if (host !== undefined) denials.writing(host, guest);
    throw new FileError("read-only");
  }

  /**
   * Finds where a path leads.
   * @param follow whether the last name, if it is a link, stands for what it leads to
   */
  #walk(path: string, follow: boolean): Target {
    if (path === "") throw new FileError("no-entry");
    if (path.length > GUEST_PATH) throw new FileError("name-too-long");
    if (path.includes("\0")) throw new FileError("invalid");
    const { volume } = this.mount;
    const left = this.#segments(path, path).reverse();
    const names = [...this.#names];
    let asFolder = endsAsFolder(path);
    for (let links = 0; left.length > 0;) {
      const name = left.pop()!;
      if (name === "..") {
        if (names.length === 0) throw this.#leaves(path);
        // No option would grant what is above a folder that the guest has opened itself.
        if (names.length === this.#names.length) throw new FileError("not-permitted");
        names.pop();
        continue;
      }
      names.push(name);
      const info = volume.find(names);
      const isLast = left.length === 0;
      if (info?.type === "symbolic-link" && (!isLast || follow || asFolder)) {
        if (++links > GUEST_LINKS) throw new FileError("loop");
        const target = volume.readLink(names);
        names.pop();
        left.push(...this.#segments(target, path).reverse());
        asFolder ||= isLast && endsAsFolder(target);
      } else if (!isLast && info?.type !== "directory") {
        throw new FileError(info ? "not-directory" : "no-entry");
      }
    }
    const info = volume.find(names);
    if (asFolder && info && info.type !== "directory") throw new FileError("not-directory");
    return { names, info, asFolder };
  }

  /** The parts of a path, or of a link's target on the way of one. */
  #segments(text: string, path: string): string[] {
    if (text.startsWith("/")) throw this.#leaves(path);
    return text.split("/").filter((segment) => segment !== "" && segment !== ".");
  }

  #leaves(path: string): FileError {
    const { host, guest, denials } = this.mount;
    if (host !== undefined) denials.leaving(guest, path);
    return new FileError("not-permitted");
  }
}

function endsAsFolder(path: string): boolean {
  return /(?:^|\/)\.{0,2}$/.test(path);
}

function found(info: FileInfo | undefined): FileInfo {
  if (!info) throw new FileError("no-entry");
  return info;
}
