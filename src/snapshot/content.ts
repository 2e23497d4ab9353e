import { sep } from "node:path";
import { hasCode } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE, type Tree } from "../store/layout.ts";
import type { EntryFolder } from "./entry_folders.ts";
import { allocatedFor, type Content, type FileState, statFile } from "./file_state.ts";

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
export interface BlobTree {
  readonly layout: Layout;
  readonly tree: Tree;
  /** See {@link Content.lastArrival}. */
  readonly lastArrival: number | undefined;
}

/** A file in a tree of blobs. */
export class Blob extends LazyContent implements Content {
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
