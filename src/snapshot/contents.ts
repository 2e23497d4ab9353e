import { dirname, sep } from "node:path";
import { readFolder, statIfAny } from "../base/files/files.ts";
import type { Digest } from "../oci/digest.ts";
import { type ArchiveFile, readArchiveFiles } from "../store/blobs/archive_files.ts";
import type { Layout } from "../store/layout.ts";
import { Blob, type BlobTree } from "./content.ts";
import type { StrayFiles } from "./entry_folders.ts";
import { allocatedOf, type Content, statFile } from "./file_state.ts";
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
      if (!this.#stat(layout.blob(tree, digest))?.isFile) continue;
      const blob = this.#addBlob({ layout, tree, lastArrival: undefined }, digest);
      const files = layout.archiveFiles(digest);
      if (tree === "data" && this.#stat(files)) blob.filesPath = files;
    }
    return this.#blobs.get(digest);
  }

  #stat(path: string): Deno.FileInfo | undefined {
    return this.unreadable.attempt(dirname(path), () => statIfAny(path), undefined);
  }

  #mark(id: number, ids: number[], size: number | undefined): void {
    ids.push(id);
    if (size !== undefined) (this.list[id] as Blob).expect(size);
  }
}

/** Lists a folder whose files are stat'ed later. @throws LarderError LDR_PERMISSION also if that is not allowed */
function readSearchable(path: string): Deno.DirEntry[] {
  const entries = readFolder(path);
  if (entries.length > 0) statIfAny(path + sep + entries[0]!.name);
  return entries;
}
