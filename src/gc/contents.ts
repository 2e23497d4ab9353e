import { sep } from "node:path";
import { readFolder } from "../base/files.ts";
import type { Digest } from "../oci/digest.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE, type Tree } from "../store/layout.ts";
import type { Folder, Oddments } from "./folders.ts";
import { looseFile } from "./loose_file.ts";
import type { Content, FileState } from "./survey_types.ts";

const TREES = ["data", "wasm"] as const;

/** The end of the name of what `copyFileAtomic` leaves of a blob when it is killed. */
const TEMPORARY = /(?:\.[0-9a-f]{8})?\.tmp$/;

/** The content that a survey finds, each piece with its place in the list. */
export class Contents {
  readonly list: Content[] = [];
  readonly #blobs = new Map<Digest, number>();
  /** The places in `wasm/` of blobs that are in `data/` too: content may be wanted as Wasm and as a static file. */
  readonly #twins = new Map<Digest, number>();

  /** Reads both trees of blobs; what is none goes to `oddments`. */
  readBlobs(layout: Layout, { rubbish, foreign }: Pick<Oddments, "rubbish" | "foreign">): void {
    for (const tree of TREES) {
      for (const { name, isFile } of readFolder(layout.tree(tree))) {
        const digest = isFile ? layout.digestOfName(name) : undefined;
        if (digest) {
          const isTwin = tree !== TREES[0] && this.#blobs.has(digest);
          const map = isTwin ? this.#twins : this.#blobs;
          map.set(digest, this.add(new Blob(layout, tree, digest)));
        } else {
          const file = looseFile(layout.tree(tree) + sep + name);
          const isRubbish = isFile && layout.digestOfName(name.replace(TEMPORARY, ""));
          if (file) (isRubbish ? rubbish : foreign).push(file);
        }
      }
    }
  }

  /** The places of a blob: two, if it is in both trees. */
  blobPlaces(digest: Digest): readonly number[] {
    const places = new Set<number>();
    this.collectBlob(digest, places);
    return [...places];
  }

  /** @returns its place in the list */
  add(content: Content): number {
    return this.list.push(content) - 1;
  }

  /**
   * Collects the places of a blob.
   * @param size what a manifest says that can be believed; it spares looking at the file
   */
  collectBlob(digest: Digest, places: Set<number>, size?: number): void {
    const place = this.#blobs.get(digest);
    if (place === undefined) return;
    this.#take(place, places, size);
    if (this.#twins.size === 0) return;
    const twin = this.#twins.get(digest);
    if (twin !== undefined) this.#take(twin, places, size);
  }

  #take(place: number, places: Set<number>, size: number | undefined): void {
    places.add(place);
    if (size !== undefined) (this.list[place] as Blob).expect(size);
  }
}

/**
 * Content whose files are looked at only if somebody must know: there may be a hundred thousand, and what is said of
 * one that larder fetched can be believed.
 */
abstract class LazyContent {
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
  abstract look(): FileState | undefined;

  /** What is gone meanwhile takes no space. */
  #remember(): void {
    const { size, mtime } = this.look() ?? { size: 0, mtime: 0 };
    this.#size = size;
    this.#mtime = mtime;
  }
}

/** A file in a tree of blobs. */
class Blob extends LazyContent implements Content {
  readonly tree: Tree;
  readonly digest: Digest;
  readonly #layout: Layout;

  constructor(layout: Layout, tree: Tree, digest: Digest) {
    super();
    this.#layout = layout;
    this.tree = tree;
    this.digest = digest;
  }

  get path(): string {
    return this.#layout.blob(this.tree, this.digest);
  }

  override look(): FileState | undefined {
    return looseFile(this.path);
  }
}

/** The folder of a digest, but for the files that make an entry of it. */
export class ManifestContent extends LazyContent implements Content {
  readonly tree = "manifests";
  readonly digest: Digest;
  readonly folder: Folder;

  constructor(digest: Digest, folder: Folder) {
    super();
    this.digest = digest;
    this.folder = folder;
  }

  get path(): string {
    return this.folder.path;
  }

  override look(): FileState | undefined {
    const files = [MANIFEST_FILE, CONFIG_FILE]
      .filter((name) => this.folder.files.has(name))
      .map((name) => looseFile(this.path + sep + name))
      .filter((file) => file !== undefined);
    if (files.length === 0) return undefined;
    return {
      size: files.reduce((sum, { size }) => sum + size, 0),
      mtime: Math.max(...files.map(({ mtime }) => mtime)),
    };
  }
}
