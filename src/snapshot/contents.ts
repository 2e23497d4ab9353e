import { sep } from "node:path";
import { hasCode } from "../base/errors.ts";
import { readFolder, statIfAny } from "../base/files.ts";
import type { Digest } from "../oci/digest.ts";
import { type ArchiveFile, readArchiveFiles } from "../store/blobs/archive_files.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE, type Tree } from "../store/layout.ts";
import type { EntryFolder, StrayFiles } from "./entry_folders.ts";
import { allocatedFor, allocatedOf, type Content, type FileState, statFile } from "./file_state.ts";
import { Unreadable } from "./unreadable.ts";

const TREES = ["data", "wasm"] as const;

/** A download that a killed Spin left beside the blob: the name of the `tempfile` crate has six random characters. */
const SPIN_DOWNLOAD = /^download-sha256-[0-9a-f]{64}[A-Za-z0-9]{6}$/;

/** The suffix of a temporary file that a killed `copyFileAtomic` leaves beside a blob. */
const TEMPORARY = /(?:\.[0-9a-f]{8})?\.tmp$/;

/** The content of a snapshot. The id of a piece of content is its index in {@link list}. */
export class ContentIndex {
  readonly list: Content[] = [];
  readonly unreadable: Unreadable;
  /** Bytes that the folders of the blobs themselves take on the disk: 9 MiB for 100,000 names. */
  #foldersAllocated = 0;
  readonly #blobs = new Map<Digest, number>();
  /** Ids of blobs in `wasm/` that `data/` holds too: one digest can be both Wasm and a static file. */
  readonly #duplicates = new Map<Digest, number>();
  /** The files of archives that were read so far, by the ids of the archives. */
  readonly #files = new Map<number, readonly ArchiveFile[] | undefined>();
  /** Archives that manifests name and whose files are not listed, because Spin unpacks them, or has not begun to. */
  readonly unlistedArchives = new Set<Digest>();
  /** Where blobs are looked for when they are marked; undefined if all are listed. */
  #layout: Layout | undefined;

  constructor(unreadable = new Unreadable()) {
    this.unreadable = unreadable;
  }

  /** Lists both trees of blobs; other files in them are added to the stray files. */
  readBlobs(layout: Layout, { rubbish, foreign }: Pick<StrayFiles, "rubbish" | "foreign">): void {
    for (const tree of TREES) {
      const entries = this.unreadable.attempt(
        layout.tree(tree),
        () => readSearchable(layout.tree(tree)),
        [],
      );
      // Read after the listing, so that a blob that arrives in between only makes it later.
      const info = statIfAny(layout.tree(tree));
      if (info) this.#foldersAllocated += allocatedOf(info);
      const lastArrival = info?.mtime?.getTime();
      const blobTree = { layout, tree, lastArrival };
      for (const { name, isFile } of entries) {
        const digest = isFile ? layout.digestOfName(name) : undefined;
        if (digest) {
          this.#addBlob(blobTree, digest);
        } else {
          const file = statFile(layout.tree(tree) + sep + name);
          const isTemporary = isFile &&
            (SPIN_DOWNLOAD.test(name) || layout.digestOfName(name.replace(TEMPORARY, "")));
          if (file) (isTemporary ? rubbish : foreign).push(file);
        }
      }
    }
    this.#readArchives(layout, { rubbish, foreign });
  }

  /** Finds the lists of the files of archives. One without its archive is rubbish. */
  #readArchives(
    layout: Layout,
    { rubbish, foreign }: Pick<StrayFiles, "rubbish" | "foreign">,
  ): void {
    const lists = this.unreadable.attempt(
      layout.archives,
      () => readSearchable(layout.archives),
      [],
    );
    for (const { name, isFile } of lists) {
      const path = layout.archives + sep + name;
      const digest = isFile ? layout.digestOfName(name.replace(TEMPORARY, "")) : undefined;
      const id = digest && this.#blobs.get(digest);
      const blob = id === undefined ? undefined : this.list[id] as Blob;
      if (blob?.tree === "data" && !TEMPORARY.test(name)) {
        blob.filesPath = path;
        continue;
      }
      const file = statFile(path);
      if (file) (digest ? rubbish : foreign).push(file);
    }
  }

  /** Looks for each blob when it is marked, instead of listing all of them: there may be 100,000. */
  findBlobsIn(layout: Layout): void {
    this.#layout = layout;
  }

  /** Bytes that all content takes on the disk, in whole blocks; a file with a name in both trees counts once. */
  get allocated(): number {
    let bytes = this.#foldersAllocated;
    for (const content of this.list) bytes += content.allocated;
    for (const [digest, id] of this.#duplicates) {
      const [one, other] = [this.list[this.#blobs.get(digest)!]!.state(), this.list[id]!.state()];
      if (one.links && one.links.inode === other.links?.inode) bytes -= one.allocated;
    }
    return bytes;
  }

  /** Adds content and returns its id. */
  add(content: Content): number {
    return this.list.push(content) - 1;
  }

  /** Returns the ids of a blob: two if both trees hold it. */
  blobIds(digest: Digest): readonly number[] {
    const ids: number[] = [];
    this.markBlob(digest, ids);
    return ids;
  }

  /**
   * Appends the ids of a blob to a list.
   * @param size as a trusted manifest states it, which saves stat'ing the file
   */
  markBlob(digest: Digest, ids: number[], size?: number): void {
    const id = this.#blobs.get(digest) ?? this.#find(digest);
    if (id === undefined) return;
    this.#mark(id, ids, size);
    if (this.#duplicates.size === 0) return;
    const duplicate = this.#duplicates.get(digest);
    if (duplicate !== undefined) this.#mark(duplicate, ids, size);
  }

  /**
   * Appends the ids of an archive and of the files in it: Spin takes an archive in `data/` for unpacked, so all of them
   * must be kept as long as the archive is.
   *
   * @returns false if its files are not known
   */
  markArchive(digest: Digest, ids: number[], size?: number): boolean {
    this.markBlob(digest, ids, size);
    const id = this.#blobs.get(digest);
    const files = id === undefined ? undefined : this.#filesOf(id);
    if (!files) this.unlistedArchives.add(digest);
    const isSized = size !== undefined;
    for (const file of files ?? []) {
      this.markBlob(file.digest, ids, isSized ? file.size : undefined);
    }
    return files !== undefined;
  }

  /** Returns the ids of the archives in which content is a file. */
  archivesOf(): Map<number, number[]> {
    const archives = new Map<number, number[]>();
    for (const [id, content] of this.list.entries()) {
      if (!content.filesPath) continue;
      for (const { digest } of this.#filesOf(id) ?? []) {
        for (const file of this.blobIds(digest)) {
          const known = archives.get(file);
          if (known) known.push(id);
          else archives.set(file, [id]);
        }
      }
    }
    return archives;
  }

  /** Returns the files of an archive; undefined if there is no list of them. */
  #filesOf(id: number): readonly ArchiveFile[] | undefined {
    if (!this.#files.has(id)) {
      const { filesPath } = this.list[id]!;
      const files = filesPath === undefined
        ? undefined
        : this.unreadable.attempt(filesPath, () => readArchiveFiles(filesPath), undefined);
      this.#files.set(id, files);
    }
    return this.#files.get(id);
  }

  #addBlob(tree: BlobTree, digest: Digest): Blob {
    const map = this.#blobs.has(digest) ? this.#duplicates : this.#blobs;
    const blob = new Blob(tree, digest);
    map.set(digest, this.add(blob));
    return blob;
  }

  #find(digest: Digest): number | undefined {
    const layout = this.#layout;
    if (!layout) return undefined;
    for (const tree of TREES) {
      if (!statIfAny(layout.blob(tree, digest))?.isFile) continue;
      const blob = this.#addBlob({ layout, tree, lastArrival: undefined }, digest);
      const files = layout.archiveFiles(digest);
      if (tree === "data" && statIfAny(files)) blob.filesPath = files;
    }
    return this.#blobs.get(digest);
  }

  #mark(id: number, ids: number[], size: number | undefined): void {
    ids.push(id);
    if (size !== undefined) (this.list[id] as Blob).expect(size);
  }
}

/**
 * Content whose files are stat'ed only when needed: a cache can hold 100,000 blobs, and the manifests that larder
 * fetched state the sizes of theirs.
 */
abstract class LazyContent {
  /** The paths of its files. */
  abstract readonly paths: readonly string[];
  #expectedSize: number | undefined;
  #state: FileState | undefined;

  /** The size of the files if they were stat'ed or no size is expected, otherwise the expected size. */
  get size(): number {
    return this.#state?.size ?? this.#expectedSize ?? this.state().size;
  }

  /** Like {@link size}. */
  get allocated(): number {
    if (this.#state) return this.#state.allocated;
    // The sizes of two files are known only together: the second takes a block of its own.
    return allocatedFor(this.size) + (this.paths.length - 1) * allocatedFor(1);
  }

  /** States the size in advance; the first statement counts. */
  expect(size: number): void {
    this.#expectedSize ??= size;
  }

  state(): FileState {
    // Content that is gone since takes no space, nor does what this user may not look at.
    return this.#state ??= tryStat(() => this.stat()) ?? { size: 0, allocated: 0, mtime: 0 };
  }

  stat(): FileState | undefined {
    return combined(this.paths.map(statFile));
  }
}

/** One of the two trees of blobs. */
interface BlobTree {
  readonly layout: Layout;
  readonly tree: Tree;
  /** See {@link Content.lastArrival}. */
  readonly lastArrival: number | undefined;
}

/** A file in a tree of blobs. */
class Blob extends LazyContent implements Content {
  readonly digest: Digest;
  filesPath: string | undefined;
  readonly #tree: BlobTree;

  constructor(tree: BlobTree, digest: Digest) {
    super();
    this.#tree = tree;
    this.digest = digest;
  }

  get tree(): Tree {
    return this.#tree.tree;
  }

  get lastArrival(): number | undefined {
    return this.#tree.lastArrival;
  }

  get path(): string {
    return this.#tree.layout.blob(this.tree, this.digest);
  }

  get paths(): readonly string[] {
    return [this.path];
  }
}

/** The manifest and config in the folder of a digest; the folder's record and pin belong to its entry. */
export class ManifestContent extends LazyContent implements Content {
  readonly tree = "manifests";
  readonly digest: Digest;
  readonly path: string;
  /** The names of the folder's files. */
  readonly files: ReadonlySet<string>;

  constructor(digest: Digest, folder: EntryFolder) {
    super();
    this.digest = digest;
    // Copied, because keeping the folder would keep everything below it in memory.
    this.path = folder.path;
    this.files = folder.files;
  }

  get paths(): readonly string[] {
    return [MANIFEST_FILE, CONFIG_FILE]
      .filter((name) => this.files.has(name))
      .map((name) => this.path + sep + name);
  }
}

function tryStat(stat: () => FileState | undefined): FileState | undefined {
  try {
    return stat();
  } catch (error) {
    if (!hasCode(error, "LDR_PERMISSION")) throw error;
    return undefined;
  }
}

/** Lists a folder whose files are stat'ed later. @throws LarderError LDR_PERMISSION also if that is not allowed */
function readSearchable(path: string): Deno.DirEntry[] {
  const entries = readFolder(path);
  if (entries.length > 0) statIfAny(path + sep + entries[0]!.name);
  return entries;
}

/** Returns the total size and latest mtime of files; undefined if all are gone. */
function combined(states: readonly (FileState | undefined)[]): FileState | undefined {
  const present = states.filter((state) => state !== undefined);
  if (present.length <= 1) return present[0];
  return {
    size: present.reduce((sum, { size }) => sum + size, 0),
    allocated: present.reduce((sum, { allocated }) => sum + allocated, 0),
    mtime: Math.max(...present.map(({ mtime }) => mtime)),
    changed: Math.max(...present.map(({ changed }) => changed ?? 0)),
  };
}
