import { attempt, FileError } from "./error.ts";
import { HostFile } from "./host_file.ts";
import type { FileInfo, FolderEntry, Names, Volume, VolumeFile } from "./volume.ts";

/** What a component sees as its root: plain data and read-only, so that a thread can be sent it. */
export interface MountedFolder {
  readonly kind: "folder";
  /** By name, in the order of the app. */
  readonly entries: ReadonlyMap<string, MountedFolder | MountedFile>;
}

export interface MountedFile {
  readonly kind: "file";
  /** In bytes. */
  readonly size: number;
  /** Where the host has it, or the bytes themselves where the app carries them. */
  readonly content: { readonly hostPath: string } | { readonly bytes: Uint8Array<ArrayBuffer> };
}

type Node = MountedFile | MountedFolder;

/** Real devices are not numbered so. */
const DEVICE = (1n << 64n) - 1n;

/** The static files of a component: what is told of them depends on the app alone, not on where its files lie. */
export class TreeVolume implements Volume {
  readonly changes = undefined;
  readonly #root: MountedFolder;
  readonly #infos = new Map<Node, FileInfo>();

  constructor(root: MountedFolder) {
    this.#root = root;
    this.#number(root);
  }

  find(names: Names): FileInfo | undefined {
    const node = this.#node(names);
    return node && this.#infos.get(node);
  }

  list(names: Names): FolderEntry[] {
    const node = this.#node(names);
    if (node?.kind !== "folder") throw new FileError(node ? "not-directory" : "no-entry");
    return Array.from(node.entries, ([name, { kind }]) => ({
      name,
      type: kind === "file" ? "regular-file" : "directory",
    }));
  }

  readLink(): never {
    throw new FileError("invalid");
  }

  open(names: Names): VolumeFile {
    const node = this.#node(names);
    if (node?.kind !== "file") throw new FileError(node ? "is-directory" : "no-entry");
    const info = this.#infos.get(node)!;
    return "bytes" in node.content
      ? new InlineFile(node.content.bytes, info)
      : new StoredFile(node.content.hostPath, info);
  }

  #number(node: Node): void {
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
    if (node.kind === "folder") { for (const entry of node.entries.values()) this.#number(entry); }
  }

  #node(names: Names): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of names) {
      if (node?.kind !== "folder") return undefined;
      node = node.entries.get(name);
    }
    return node;
  }
}

/** A file that the app carries in itself. */
class InlineFile implements VolumeFile {
  readonly changes = undefined;
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

/** A file that the host has under another name. */
class StoredFile extends HostFile {
  readonly #info: FileInfo;

  constructor(path: string, info: FileInfo) {
    super(attempt(() => Deno.openSync(path)), false);
    this.#info = info;
  }

  override info(): FileInfo {
    return this.#info;
  }
}
