import { type Content, type FileState, statFile } from "./file_state.ts";
import { sep } from "node:path";
import { readFolder, statIfAny } from "../base/files.ts";
import type { Digest } from "../oci/digest.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE, type Tree } from "../store/layout.ts";
import type { EntryFolder, StrayFiles } from "./entry_folders.ts";

const TREES = ["data", "wasm"] as const;

/** The end of the name of what `copyFileAtomic` leaves of a blob when it is killed. */
const TEMPORARY = /(?:\.[0-9a-f]{8})?\.tmp$/;

/** The content that a survey finds, each piece with its place in the list. */
export class ContentIndex {
  readonly list: Content[] = [];
  readonly #blobs = new Map<Digest, number>();
  /** The places in `wasm/` of blobs that are in `data/` too: content may be wanted as Wasm and as a static file. */
  readonly #twins = new Map<Digest, number>();

  /** Reads both trees of blobs; what is none goes to `oddments`. */
  readBlobs(layout: Layout, { rubbish, foreign }: Pick<StrayFiles, "rubbish" | "foreign">): void {
    for (const tree of TREES) {
      const entries = readFolder(layout.tree(tree));
      // Asked after they are listed: what comes in between makes it later.
      const arrival = statIfAny(layout.tree(tree))?.mtime?.getTime();
      const folder = { layout, tree, arrival };
      for (const { name, isFile } of entries) {
        const digest = isFile ? layout.digestOfName(name) : undefined;
        if (digest) {
          const isTwin = tree !== TREES[0] && this.#blobs.has(digest);
          const map = isTwin ? this.#twins : this.#blobs;
          map.set(digest, this.add(new Blob(folder, digest)));
        } else {
          const file = statFile(layout.tree(tree) + sep + name);
          const isRubbish = isFile && layout.digestOfName(name.replace(TEMPORARY, ""));
          if (file) (isRubbish ? rubbish : foreign).push(file);
        }
      }
    }
  }

  /** The places of a blob: two, if it is in both trees. */
  blobIds(digest: Digest): readonly number[] {
    const places: number[] = [];
    this.markBlob(digest, places);
    return places;
  }

  /** @returns its place in the list */
  add(content: Content): number {
    return this.list.push(content) - 1;
  }

  /**
   * Collects the places of a blob.
   * @param size what a manifest says that can be believed; it spares looking at the file
   */
  markBlob(digest: Digest, places: number[], size?: number): void {
    const place = this.#blobs.get(digest);
    if (place === undefined) return;
    this.#take(place, places, size);
    if (this.#twins.size === 0) return;
    const twin = this.#twins.get(digest);
    if (twin !== undefined) this.#take(twin, places, size);
  }

  #take(place: number, places: number[], size: number | undefined): void {
    places.push(place);
    if (size !== undefined) (this.list[place] as Blob).expect(size);
  }
}

/**
 * Content whose files are looked at only if somebody must know: there may be a hundred thousand, and what is said of
 * one that larder fetched can be believed.
 */
export abstract class LazyContent {
  /** The paths of its files. */
  abstract readonly paths: readonly string[];
  #size: number | undefined;
  #mtime: number | undefined;

  get size(): number {
    if (this.#size === undefined) this.#remember();
    return this.#size!;
  }

  get mtime(): number {
    if (this.#mtime === undefined) this.#remember();
    return this.#mtime!;
  }

  /** Tells the size beforehand, if nobody has yet. */
  expect(size: number): void {
    this.#size ??= size;
  }

  /** Looks at the files anew; undefined if they are gone. */
  look(): FileState | undefined {
    return together(this.paths.map(statFile));
  }

  /** Content that is gone meanwhile takes no space. */
  #remember(): void {
    const { size, mtime } = this.look() ?? { size: 0, mtime: 0 };
    this.#size = size;
    this.#mtime = mtime;
  }
}

/** The folder of a tree of blobs. */
interface BlobFolder {
  readonly layout: Layout;
  readonly tree: Tree;
  /** Its mtime: when the last blob came in or went. */
  readonly arrival: number | undefined;
}

/** A file in a tree of blobs. */
class Blob extends LazyContent implements Content {
  readonly digest: Digest;
  readonly #folder: BlobFolder;

  constructor(folder: BlobFolder, digest: Digest) {
    super();
    this.#folder = folder;
    this.digest = digest;
  }

  get tree(): Tree {
    return this.#folder.tree;
  }

  get lastArrival(): number | undefined {
    return this.#folder.arrival;
  }

  get path(): string {
    return this.#folder.layout.blob(this.tree, this.digest);
  }

  get paths(): readonly string[] {
    return [this.path];
  }
}

/** The folder of a digest, but for the files that make an entry of it. */
export class ManifestContent extends LazyContent implements Content {
  readonly tree = "manifests";
  readonly digest: Digest;
  readonly path: string;
  /** Their names. */
  readonly files: ReadonlySet<string>;

  constructor(digest: Digest, folder: EntryFolder) {
    super();
    this.digest = digest;
    // Not the folder, which holds those below it.
    this.path = folder.path;
    this.files = folder.files;
  }

  get paths(): readonly string[] {
    return [MANIFEST_FILE, CONFIG_FILE]
      .filter((name) => this.files.has(name))
      .map((name) => this.path + sep + name);
  }
}

/** What files are together; undefined if all are gone. */
function together(states: readonly (FileState | undefined)[]): FileState | undefined {
  const there = states.filter((state) => state !== undefined);
  if (there.length <= 1) return there[0];
  return {
    size: there.reduce((sum, { size }) => sum + size, 0),
    mtime: Math.max(...there.map(({ mtime }) => mtime)),
  };
}
