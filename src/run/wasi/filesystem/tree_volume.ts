import { FileError, translateErrors } from "./error.ts";
import { HostFile } from "./host_file.ts";
import type { DirectoryEntry, FileInfo, PathSegments, Volume, VolumeFile } from "./volume.ts";

/** A folder of static files: plain data, so that it can be sent to a thread. */
export interface MountedFolder {
  readonly kind: "folder";
  /** By name, in the order of the app's manifest. */
  readonly entries: ReadonlyMap<string, MountedFolder | MountedFile>;
}

export interface MountedFile {
  readonly kind: "file";
  /** In bytes. */
  readonly size: number;
  /** The path of the file in the cache, or its bytes if the app's manifest contains them. */
  readonly content: { readonly hostPath: string } | { readonly bytes: Uint8Array<ArrayBuffer> };
}

type Node = MountedFile | MountedFolder;

/** A device number that no real device has. */
const DEVICE = (1n << 64n) - 1n;

/** The static files of a component. Their metadata depends on the app alone, not on where the cache stores them. */
export class TreeVolume implements Volume {
  readonly writer = undefined;
  readonly #root: MountedFolder;
  readonly #infos = new Map<Node, FileInfo>();

  constructor(root: MountedFolder) {
    this.#root = root;
    this.#assignInfo(root);
  }

  find(path: PathSegments): FileInfo | undefined {
    const node = this.#find(path);
    return node && this.#infos.get(node);
  }

  list(path: PathSegments): DirectoryEntry[] {
    const node = this.#find(path);
    if (node?.kind !== "folder") throw new FileError(node ? "not-directory" : "no-entry");
    return Array.from(node.entries, ([name, { kind }]) => ({
      name,
      type: kind === "file" ? "regular-file" : "directory",
    }));
  }

  readLink(): never {
    throw new FileError("invalid");
  }

  open(path: PathSegments): VolumeFile {
    const node = this.#find(path);
    if (node?.kind !== "file") throw new FileError(node ? "is-directory" : "no-entry");
    const info = this.#infos.get(node)!;
    return "bytes" in node.content
      ? new InlineFile(node.content.bytes, info)
      : new StoredFile(node.content.hostPath, info);
  }

  #assignInfo(node: Node): void {
    this.#infos.set(node, {
      type: node.kind === "file" ? "regular-file" : "directory",
      size: BigInt(node.kind === "file" ? node.size : 0),
      links: 1n,
      accessed: 0n,
      modified: 0n,
      changed: 0n,
      device: DEVICE,
      inode: BigInt(this.#infos.size + 1),
    });
    if (node.kind === "file") return;
    for (const entry of node.entries.values()) this.#assignInfo(entry);
  }

  #find(path: PathSegments): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of path) {
      if (node?.kind !== "folder") return undefined;
      node = node.entries.get(name);
    }
    return node;
  }
}

/** A file whose bytes are in the app's manifest. */
class InlineFile implements VolumeFile {
  readonly writer = undefined;
  readonly #bytes: Uint8Array;
  readonly #info: FileInfo;

  constructor(bytes: Uint8Array, info: FileInfo) {
    this.#bytes = bytes;
    this.#info = info;
  }

  info(): FileInfo {
    return this.#info;
  }

  read(length: number, offset: number): Uint8Array | null {
    return offset < this.#bytes.length ? this.#bytes.slice(offset, offset + length) : null;
  }

  sync(): void {}

  close(): void {}
}

/** A file of the cache, with the metadata of the volume instead of the host's. */
class StoredFile extends HostFile {
  readonly #info: FileInfo;

  constructor(path: string, info: FileInfo) {
    super(translateErrors(() => Deno.openSync(path)), false);
    this.#info = info;
  }

  override info(): FileInfo {
    return this.#info;
  }
}
