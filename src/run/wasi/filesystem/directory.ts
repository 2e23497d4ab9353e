import type { Denials } from "../../grants/denials.ts";
import type { InstanceResources } from "../resources.ts";
import { FileError } from "./error.ts";
import { OpenFile } from "./open_file.ts";
import { endsAsDirectory, lastDots, leadsOut, staysInside } from "./path_text.ts";
import type {
  DirectoryEntry,
  FileInfo,
  FileType,
  NewTimes,
  PathSegments,
  Volume,
  VolumeWriter,
} from "./volume.ts";

/** Characters that a guest's path may have, as on Linux. */
export const MAX_PATH_LENGTH = 4096;

/** Symbolic links that one path may lead through, as on Linux. */
const MAX_SYMLINKS = 40;

/** A volume, and the path at which guests see it. */
export interface MountPoint {
  /** The guest's path of the volume's root. */
  readonly guest: string;
  readonly volume: Volume;
  /** The path of the host's folder; undefined for static files, because no option grants more of them. */
  readonly host: string | undefined;
  readonly denials: Denials;
}

export interface OpenOptions {
  readonly follow: boolean;
  readonly create: boolean;
  /** With `create`: fails if the path exists. */
  readonly exclusive: boolean;
  readonly truncate: boolean;
  /** Fails unless the path is a directory. */
  readonly directory: boolean;
  readonly read: boolean;
  readonly write: boolean;
}

interface ResolvedPath {
  readonly segments: PathSegments;
  /** Undefined if the last segment does not exist; the ones before it do. */
  readonly info: FileInfo | undefined;
  /** True if the path ends with `/`, `.` or `..`. */
  readonly mustBeDirectory: boolean;
}

/**
 * A directory that a guest has open, and the operations on paths below it.
 *
 * Every path is resolved here, segment by segment: `..` and symbolic links that lead out of this directory are
 * denied, and only the last segment of a resolved path can be a link. Deno cannot open a path relative to an open
 * directory (`openat`), so this holds unless a directory is replaced with a link between the check and the use.
 * No other guest of this thread runs in between. Other programs that may write to the folder can do it, and so can a
 * guest of another thread that renames directories that contain links. That is why guests of servers create no links,
 * and why those of commands can neither create nor move a link so that it leads out.
 */
export class OpenDirectory {
  readonly mount: MountPoint;
  readonly #segments: PathSegments;
  readonly #resources: InstanceResources;

  constructor(mount: MountPoint, segments: PathSegments, resources: InstanceResources) {
    this.mount = mount;
    this.#segments = segments;
    this.#resources = resources;
  }

  get isReadOnly(): boolean {
    return this.mount.volume.writer === undefined;
  }

  info(): FileInfo {
    return existing(this.mount.volume.find(this.#segments));
  }

  infoAt(path: string, follow: boolean): FileInfo {
    return existing(this.#resolve(path, follow).info);
  }

  list(): DirectoryEntry[] {
    return this.mount.volume.list(this.#segments);
  }

  /** Returns the target of a link. An absolute one is not permitted, because it would reveal paths of the host. */
  readLink(path: string): string {
    const { segments, info } = this.#resolve(path, false);
    if (existing(info).type !== "symbolic-link") throw new FileError("invalid");
    const target = this.mount.volume.readLink(segments);
    if (target.startsWith("/")) throw new FileError("not-permitted");
    return target;
  }

  open(path: string, options: OpenOptions): OpenDirectory | OpenFile {
    if (options.create && options.directory) throw new FileError("invalid");
    const isNew = options.create && options.exclusive;
    const { segments, info, mustBeDirectory } = this.#resolve(path, options.follow && !isNew);
    if (info && isNew) throw new FileError("exist");
    if (!info) {
      if (!options.create) throw new FileError("no-entry");
      if (mustBeDirectory) throw new FileError("is-directory");
      return this.#openFile(segments, options, true);
    }
    if (info.type === "directory") return this.#openDirectory(segments, options);
    if (options.directory) throw new FileError("not-directory");
    if (info.type === "symbolic-link") throw new FileError("loop");
    // Opening a pipe could block forever, and opening another device could have any effect.
    if (info.type !== "regular-file" && !info.isHarmlessDevice) {
      throw new FileError("not-permitted");
    }
    return this.#openFile(segments, options, false);
  }

  createDirectory(path: string): void {
    const { segments, info } = this.#resolve(path, false);
    if (info) throw new FileError("exist");
    this.#writer().createDirectory(segments);
  }

  removeDirectory(path: string): void {
    const { segments, info } = this.#resolve(path, false);
    if (existing(info).type !== "directory") throw new FileError("not-directory");
    const dots = lastDots(path);
    if (dots) throw new FileError(dots === "." ? "invalid" : "not-empty");
    if (segments.length === 0) throw new FileError("busy");
    this.#writer().remove(segments);
  }

  removeFile(path: string): void {
    const { segments, info } = this.#resolve(path, false);
    if (existing(info).type === "directory") throw new FileError("is-directory");
    this.#writer().remove(segments);
  }

  rename(path: string, newDirectory: OpenDirectory, newPath: string): void {
    const from = this.#resolve(path, false);
    const to = newDirectory.#resolve(newPath, false);
    const isDirectory = existing(from.info).type === "directory";
    if (!isDirectory && to.mustBeDirectory) throw new FileError("not-directory");
    if (from.segments.length === 0 || to.segments.length === 0) throw new FileError("busy");
    if (lastDots(path) || lastDots(newPath)) throw new FileError("busy");
    if (newDirectory.mount !== this.mount) throw new FileError("cross-device");
    this.#checkMovedLinks(from.info!.type, from.segments, to.segments);
    this.#writer().rename(from.segments, to.segments);
  }

  /** Creates a hard link to a file, or to a symbolic link if the guest may create one. */
  link(path: string, follow: boolean, newDirectory: OpenDirectory, newPath: string): void {
    const from = this.#resolve(path, follow);
    const to = newDirectory.#resolve(newPath, false);
    const { type } = existing(from.info);
    if (type !== "regular-file" && type !== "symbolic-link") throw new FileError("not-permitted");
    if (to.info) throw new FileError("exist");
    if (to.mustBeDirectory) throw new FileError("no-entry");
    if (newDirectory.mount !== this.mount) throw new FileError("cross-device");
    const writer = this.#writer();
    if (type === "symbolic-link") {
      const target = this.mount.volume.readLink(from.segments);
      if (!writer.createLink || !this.#staysInside(target, to.segments)) {
        throw new FileError("not-permitted");
      }
    }
    writer.link(from.segments, to.segments);
  }

  /** Creates a symbolic link to a relative path inside the mount; the path need not exist. */
  createSymlink(target: string, path: string): void {
    const { segments, info, mustBeDirectory } = this.#resolve(path, false);
    if (info) throw new FileError("exist");
    if (mustBeDirectory || target === "") throw new FileError("no-entry");
    if (target.length > MAX_PATH_LENGTH) throw new FileError("name-too-long");
    if (target.includes("\0")) throw new FileError("invalid");
    const { createLink } = this.#writer();
    // No denial is reported: no option grants it.
    if (!createLink || !this.#staysInside(target, segments)) throw new FileError("not-permitted");
    createLink(segments, target);
  }

  setTimes(times: NewTimes): void {
    this.#writer().setTimes(this.#segments, times);
  }

  setTimesAt(path: string, follow: boolean, times: NewTimes): void {
    const { segments, info } = this.#resolve(path, follow);
    existing(info);
    this.#writer().setTimes(segments, times);
  }

  /**
   * Looks at all that moves, unless it moves to the same depth or deeper, from where links lead no farther up.
   * @throws FileError if a symbolic link that stays inside the mount would leave it from its new place
   */
  #checkMovedLinks(type: FileType, from: PathSegments, to: PathSegments): void {
    if (to.length >= from.length) return;
    const { volume } = this.mount;
    if (type === "symbolic-link") {
      const target = volume.readLink(from);
      if (!leadsOut(target, from) && leadsOut(target, to)) {
        throw new FileError("not-permitted");
      }
    } else if (type === "directory") {
      for (const entry of volume.list(from)) {
        this.#checkMovedLinks(entry.type, [...from, entry.name], [...to, entry.name]);
      }
    }
  }

  /** True if a link with this target leads nowhere outside of the mount, which no path can if the mount is `/`. */
  #staysInside(target: string, link: PathSegments): boolean {
    return this.mount.host === "/" ? !target.startsWith("/") : staysInside(target, link);
  }

  #openDirectory(
    segments: PathSegments,
    { write, truncate, create }: OpenOptions,
  ): OpenDirectory {
    if (write || truncate || create) throw new FileError("is-directory");
    return new OpenDirectory(this.mount, segments, this.#resources);
  }

  #openFile(segments: PathSegments, options: OpenOptions, create: boolean): OpenFile {
    const { write, truncate, read } = options;
    if (this.#resources.isFull) throw new FileError("insufficient-memory");
    const file = write || truncate || create
      ? this.#writer().openToWrite(segments, { read: read || !write, create, truncate })
      : this.mount.volume.open(segments);
    return new OpenFile(file, { read: read || !write, write }, this.#resources);
  }

  /** @throws FileError if the volume is read-only */
  #writer(): VolumeWriter {
    const { volume, host, guest, denials } = this.mount;
    if (volume.writer) return volume.writer;
    if (host !== undefined) denials.writing(host, guest);
    throw new FileError("read-only");
  }

  /** @param follow whether to follow a symbolic link in the last segment */
  #resolve(path: string, follow: boolean): ResolvedPath {
    if (path === "") throw new FileError("no-entry");
    if (path.length > MAX_PATH_LENGTH) throw new FileError("name-too-long");
    if (path.includes("\0")) throw new FileError("invalid");
    const { volume } = this.mount;
    const remaining = this.#split(path, path).reverse();
    const segments = [...this.#segments];
    let mustBeDirectory = endsAsDirectory(path);
    for (let links = 0; remaining.length > 0;) {
      const segment = remaining.pop()!;
      if (segment === "..") {
        if (segments.length === 0) throw this.#leavesMount(path);
        // Above a directory that the guest opened itself: no option grants that, so no denial is reported.
        if (segments.length === this.#segments.length) throw new FileError("not-permitted");
        segments.pop();
        continue;
      }
      segments.push(segment);
      const info = volume.find(segments);
      const isLast = remaining.length === 0;
      if (info?.type === "symbolic-link" && (!isLast || follow || mustBeDirectory)) {
        if (++links > MAX_SYMLINKS) throw new FileError("loop");
        const target = volume.readLink(segments);
        segments.pop();
        remaining.push(...this.#split(target, path).reverse());
        mustBeDirectory ||= isLast && endsAsDirectory(target);
      } else if (!isLast && info?.type !== "directory") {
        throw new FileError(info ? "not-directory" : "no-entry");
      }
    }
    const info = volume.find(segments);
    if (mustBeDirectory && info && info.type !== "directory") throw new FileError("not-directory");
    return { segments, info, mustBeDirectory };
  }

  /** Splits `text`, which is `path` or the target of a link on it, into segments. */
  #split(text: string, path: string): string[] {
    if (text.startsWith("/")) throw this.#leavesMount(path);
    return text.split("/").filter((segment) => segment !== "" && segment !== ".");
  }

  #leavesMount(path: string): FileError {
    const { host, guest, denials } = this.mount;
    if (host !== undefined) denials.leaving(guest, path);
    return new FileError("not-permitted");
  }
}

/** @throws FileError if there is no such file */
function existing(info: FileInfo | undefined): FileInfo {
  if (!info) throw new FileError("no-entry");
  return info;
}
