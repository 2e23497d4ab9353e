import { join, sep } from "node:path";
import type { Descriptor } from "../oci/descriptor.ts";
import { asDigest, type Digest } from "../oci/digest.ts";
import { isWasm } from "../oci/media_types.ts";
import type { Reference } from "../oci/reference.ts";
import { hasNoColons, NO_COLONS_FILE } from "./colon_names.ts";

/** The two trees of blobs. */
export type Tree = "data" | "wasm";

/** The files of an entry. */
export const MANIFEST_FILE = "manifest.json";
export const CONFIG_FILE = "config.json";
export const RECORD_FILE = "record.json";
export const PIN_FILE = "pin.json";

/** The files of an entry, and those that are written before they get their names. */
const ENTRY_FILE = /^(?:manifest|config|record|pin)\.json(?:\.(?:[0-9a-f]{8}\.)?tmp)?$/;

/** Bytes that a file name may have on every system. */
const MAX_PATH_PART = 255;

/** A version of an engine, restricted to characters that are safe in a path. */
const ENGINE = /^[A-Za-z0-9](?:[A-Za-z0-9.+-]{0,62}[A-Za-z0-9+-])?$/;

/**
 * Paths of everything in the cache.
 *
 * ```
 * registry/
 *   data/<digest>                blobs that are not Wasm
 *   wasm/<digest>                Wasm blobs
 *   manifests/<registry>/<repository…>/<tag or digest>/{manifest,config,record,pin}.json
 *   packages/<source>/<name>/<version>/<arch>/{record,pin}.json   a package; its file is a blob
 *   builds/<spec digest>/{record,pin}.json   the result of building a specification; its file is a blob
 *   images/<spec digest>/{record,pin}.json   the same, as earlier versions stored it; read, but never written
 *   compiled/<digest>/<engine>/record.json   the output of an engine for the Wasm with this digest; its files are blobs
 *   building/<8 hex digits>/     the clean folder of a running build; `lock` in it is held until the build ends
 *   building/<spec digest>.lock  held by the process that builds this specification
 *   leases/<pid>-<random>.json   the entries and content that a running process uses
 *   archives/<digest>            the files that Spin's archive with this digest, in data/, was unpacked to
 *   partial/<digest>             unfinished downloads; with a suffix `.<8 hex digits>` if the file system has no locks
 *   pins.json                    patterns of pinned names
 *   reminder                     empty; its mtime says when larder last looked for a large cache without limits
 *   journal.jsonl                hits, fetches and removals; the previous file is journal.older.jsonl, and
 *                                journal.reasons.jsonl has the last fetch and removal of entries from files before it
 *   lock                         held shared by writers, exclusively by a sweep
 *   names-without-colons         exists if the file system refuses `:`: names then have `_` instead
 *   gate                         held by a sweep that waits for writers, so that no new writers start
 * ```
 *
 * Invariant: paths are built from parsed digests and references, versions of engines and encoded names only, so none
 * leads out of the cache.
 */
export class Layout {
  readonly root: string;
  readonly #windows: boolean | undefined;
  readonly #trees: Readonly<Record<Tree, string>>;

  /** @param root path of the `registry` folder */
  constructor(root: string, options: { windows?: boolean } = {}) {
    this.root = root;
    this.#windows = options.windows;
    this.#trees = { data: join(root, "data"), wasm: join(root, "wasm") };
  }

  tree(tree: Tree): string {
    return this.#trees[tree];
  }

  blob(tree: Tree, digest: Digest): string {
    // Faster than `join`: a pull asks for hundreds of these paths.
    return `${this.#trees[tree]}${sep}${this.fileName(digest)}`;
  }

  /** Returns the path of a blob in the tree of its media type. */
  blobOf(descriptor: Pick<Descriptor, "digest" | "mediaType">): string {
    return this.blob(isWasm(descriptor.mediaType) ? "wasm" : "data", descriptor.digest);
  }

  get manifests(): string {
    return join(this.root, "manifests");
  }

  /** Returns the folder of a tag. */
  tagFolder(reference: Reference, tag: string): string {
    return join(this.repositoryFolder(reference), this.#partName(tag));
  }

  /** Returns the folder of the manifest or index with this digest. */
  digestFolder(reference: Reference, digest: Digest): string {
    return join(this.repositoryFolder(reference), this.fileName(digest));
  }

  get compiled(): string {
    return join(this.root, "compiled");
  }

  /**
   * Returns the folder of the output of an engine for the Wasm with this digest.
   * @param engine version of the engine: letters, digits, `.`, `+` and `-`
   */
  compiledFolder(digest: Digest, engine: string): string {
    if (!this.isEngine(engine)) throw new Error(`"${engine}" is not a version of an engine`);
    return join(this.compiled, this.fileName(digest), engine);
  }

  /** True if a text is a valid version of an engine. */
  isEngine(text: string): boolean {
    return ENGINE.test(text);
  }

  get packages(): string {
    return join(this.root, "packages");
  }

  /** Returns the folder of a package. Each argument must satisfy {@link isPathPart} and becomes one folder name. */
  packageFolder(source: string, name: string, version: string, arch: string): string {
    return join(this.packages, ...[source, name, version, arch].map(pathPart));
  }

  get builds(): string {
    return join(this.root, "builds");
  }

  /** Folder in which earlier versions stored builds. */
  get oldBuilds(): string {
    return join(this.root, "images");
  }

  /** Returns the folder of the result of building the specification with this digest. */
  buildFolder(specification: Digest): string {
    return join(this.builds, this.fileName(specification));
  }

  /** Folder of what is being built: one folder for each running build, and locks by key. */
  get rooms(): string {
    return join(this.root, "building");
  }

  /** Returns the path of the file that is locked while a key is being built. */
  buildLock(specification: Digest): string {
    return join(this.rooms, `${this.fileName(specification)}.lock`);
  }

  get leases(): string {
    return join(this.root, "leases");
  }

  get archives(): string {
    return join(this.root, "archives");
  }

  /** Returns the path of the list of the files of an archive. */
  archiveFiles(digest: Digest): string {
    return join(this.archives, this.fileName(digest));
  }

  get partials(): string {
    return join(this.root, "partial");
  }

  partial(digest: Digest): string {
    return join(this.partials, this.fileName(digest));
  }

  /** True if a file name is that of a partial download. */
  isPartialName(name: string): boolean {
    return this.digestOfName(name.replace(/\.[0-9a-f]{8}$/, "")) !== undefined;
  }

  get pins(): string {
    return join(this.root, "pins.json");
  }

  /** An empty file whose mtime says when the size of a cache without limits was last looked at. */
  get reminder(): string {
    return join(this.root, "reminder");
  }

  get journal(): string {
    return join(this.root, "journal.jsonl");
  }

  get olderJournal(): string {
    return join(this.root, "journal.older.jsonl");
  }

  /** The file that says that names have `_` for `:`. */
  get noColons(): string {
    return join(this.root, NO_COLONS_FILE);
  }

  get journalReasons(): string {
    return join(this.root, "journal.reasons.jsonl");
  }

  /** All files of the journal, oldest first. */
  get journals(): readonly string[] {
    return [this.journalReasons, this.olderJournal, this.journal];
  }

  get lock(): string {
    return join(this.root, "lock");
  }

  get gate(): string {
    return join(this.root, "gate");
  }

  /** True if names have `_` for `:`: on Windows, as Spin has them, and on file systems that refuse `:`. */
  get #hasNoColons(): boolean {
    return this.#windows ?? hasNoColons(this.root);
  }

  /** Returns the file name for a digest or `registry:port`. */
  fileName(name: string): string {
    return this.#hasNoColons ? name.replaceAll(":", "_") : name;
  }

  /** Returns the digest that a file name encodes, or undefined if it does not encode one. */
  digestOfName(name: string): Digest | undefined {
    return asDigest(this.#hasNoColons ? name.replace("_", ":") : name);
  }

  /** Returns the registry that a folder name encodes. Unambiguous, because no registry contains a `_`. */
  registryOfName(name: string): string {
    return this.#hasNoColons ? name.replaceAll("_", ":") : name;
  }

  /** Returns the folder with those of a repository's tags and digests. */
  repositoryFolder(reference: Reference): string {
    return join(
      this.manifests,
      this.fileName(reference.registry),
      ...reference.repository.split("/").map((part) => this.#partName(part)),
    );
  }

  /**
   * Returns the folder name of a tag or of a part of a repository's name: with a `%`, which neither can have, if there
   * may be a file or the folder of a digest with this name. `app:v1` has files in the folder of the repository `app/v1`.
   */
  #partName(part: string): string {
    return ENTRY_FILE.test(part) || this.digestOfName(part) ? `${part}%` : part;
  }

  /** Returns the tag, or the part of a repository's name, that a folder name encodes. */
  partOfName(name: string): string {
    return name.endsWith("%") ? name.slice(0, -1) : name;
  }
}

/**
 * True if a text can become one name of a path: it is well-formed Unicode without control characters, which would reach
 * terminals and break lists of one name a line, not empty and, encoded, not too long.
 */
export function isPathPart(text: string): boolean {
  if (!text.isWellFormed() || /\p{Cc}/u.test(text)) return false;
  const { length } = encodePathPart(text);
  return length > 0 && length <= MAX_PATH_PART;
}

/**
 * Encodes a text as one name of a path on every system: each byte of a character that is not safe as `%XX`, also a dot
 * at either end. Different texts have different names.
 */
function pathPart(text: string): string {
  if (!isPathPart(text)) throw new Error(`"${text}" cannot be a name in the cache`);
  return encodePathPart(text);
}

function encodePathPart(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, percent)
    .replace(/^\.|\.$/g, percent);
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
