import { join, sep } from "node:path";
import type { Descriptor } from "../oci/descriptor.ts";
import { asDigest, type Digest } from "../oci/digest.ts";
import { isWasm } from "../oci/media_types.ts";
import type { Reference } from "../oci/reference.ts";

/** The two trees of blobs. */
export type Tree = "data" | "wasm";

/** The files of an entry. */
export const MANIFEST_FILE = "manifest.json";
export const CONFIG_FILE = "config.json";
export const RECORD_FILE = "record.json";
export const PIN_FILE = "pin.json";

/** The longest name of a file that all systems take. */
const MAX_PATH_PART = 255;

/** A version of the engine that compiled: part of a path, so of this form only. */
const ENGINE = /^[A-Za-z0-9](?:[A-Za-z0-9.+-]{0,62}[A-Za-z0-9+-])?$/;

/**
 * Where everything lies.
 *
 * ```
 * registry/
 *   data/<digest>                blobs that are not Wasm
 *   wasm/<digest>                Wasm blobs
 *   manifests/<registry>/<repository…>/<tag or digest>/{manifest,config,record,pin}.json
 *   packages/<source>/<name>/<version>/<arch>/{record,pin}.json   a package; its blob as above
 *   builds/<spec digest>/{record,pin}.json   what was built to this specification; its blob as above
 *   images/<spec digest>/{record,pin}.json   the same where earlier versions kept it; still read, never written
 *   compiled/<digest>/<engine>/record.json   what an engine made of the Wasm with this digest; blobs as above
 *   leases/<pid>-<random>.json   what a running process uses
 *   partial/<digest>             downloads in flight; `.<8 hex digits>` more where there are no locks
 *   pins.json                    patterns of names that are pinned
 *   journal.jsonl                what was hit, fetched and removed; the one before is journal.older.jsonl
 *   lock                         shared by writers, exclusive to a sweep
 *   gate                         closed by a sweep that waits for writers, so that no new ones begin
 * ```
 *
 * Only parsed digests and references go in, and engines of a strict form, so no name from outside can leave
 * the tree.
 */
export class Layout {
  readonly root: string;
  readonly #windows: boolean;
  readonly #trees: Readonly<Record<Tree, string>>;

  /** @param root the `registry` folder */
  constructor(root: string, options: { windows?: boolean } = {}) {
    this.root = root;
    this.#windows = options.windows ?? Deno.build.os === "windows";
    this.#trees = { data: join(root, "data"), wasm: join(root, "wasm") };
  }

  tree(tree: Tree): string {
    return this.#trees[tree];
  }

  blob(tree: Tree, digest: Digest): string {
    // Not joined anew for every blob: a pull asks for hundreds of these.
    return `${this.#trees[tree]}${sep}${this.fileName(digest)}`;
  }

  /** Where a blob of the descriptor's media type belongs. */
  blobOf(descriptor: Pick<Descriptor, "digest" | "mediaType">): string {
    return this.blob(isWasm(descriptor.mediaType) ? "wasm" : "data", descriptor.digest);
  }

  get manifests(): string {
    return join(this.root, "manifests");
  }

  /** The folder of a reference's tag. */
  tagFolder(reference: Reference, tag: string): string {
    return join(this.#repositoryFolder(reference), tag);
  }

  /** The folder of the manifest or index that has this digest. */
  digestFolder(reference: Reference, digest: Digest): string {
    return join(this.#repositoryFolder(reference), this.fileName(digest));
  }

  get compiled(): string {
    return join(this.root, "compiled");
  }

  /**
   * The folder of what an engine made of the Wasm with this digest.
   * @param engine its version: letters, digits, `.`, `+` and `-`
   */
  compiledFolder(digest: Digest, engine: string): string {
    if (!this.isEngine(engine)) throw new Error(`"${engine}" is no version of an engine`);
    return join(this.compiled, this.fileName(digest), engine);
  }

  /** Whether a text, or the name of a folder, is a version of an engine. */
  isEngine(text: string): boolean {
    return ENGINE.test(text);
  }

  get packages(): string {
    return join(this.root, "packages");
  }

  /** The folder of a package: each of its parts, of which {@link isPathPart} holds, becomes one name. */
  packageFolder(source: string, name: string, version: string, arch: string): string {
    return join(this.packages, ...[source, name, version, arch].map(pathPart));
  }

  get builds(): string {
    return join(this.root, "builds");
  }

  /** Where builds were before {@link builds}. */
  get oldBuilds(): string {
    return join(this.root, "images");
  }

  /** The folder of what was built to the specification with this digest. */
  buildFolder(specification: Digest): string {
    return join(this.builds, this.fileName(specification));
  }

  get leases(): string {
    return join(this.root, "leases");
  }

  get partials(): string {
    return join(this.root, "partial");
  }

  partial(digest: Digest): string {
    return join(this.partials, this.fileName(digest));
  }

  /** Whether a file name is that of a partial download. */
  isPartialName(name: string): boolean {
    return this.digestOfName(name.replace(/\.[0-9a-f]{8}$/, "")) !== undefined;
  }

  get pins(): string {
    return join(this.root, "pins.json");
  }

  get journal(): string {
    return join(this.root, "journal.jsonl");
  }

  get olderJournal(): string {
    return join(this.root, "journal.older.jsonl");
  }

  get lock(): string {
    return join(this.root, "lock");
  }

  get gate(): string {
    return join(this.root, "gate");
  }

  /** A digest or `registry:port` as a file name: Windows has no `:` in names, so Spin and larder write `_`. */
  fileName(name: string): string {
    return this.#windows ? name.replaceAll(":", "_") : name;
  }

  /** What a file name of a digest stands for, or undefined if it is none. */
  digestOfName(name: string): Digest | undefined {
    return asDigest(this.#windows ? name.replace("_", ":") : name);
  }

  /** What a registry's folder name stands for; no registry has a `_` of its own. */
  registryOfName(name: string): string {
    return this.#windows ? name.replaceAll("_", ":") : name;
  }

  #repositoryFolder(reference: Reference): string {
    return join(
      this.manifests,
      this.fileName(reference.registry),
      ...reference.repository.split("/"),
    );
  }
}

/** Whether a text can be one name of a path: it is neither empty nor too long, and no half of a character. */
export function isPathPart(text: string): boolean {
  if (!text.isWellFormed()) return false;
  const { length } = encodePathPart(text);
  return length > 0 && length <= MAX_PATH_PART;
}

/**
 * A text as one name of a path, on every system: what is not plain is written `%XX`, byte by byte, and so are a dot
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
