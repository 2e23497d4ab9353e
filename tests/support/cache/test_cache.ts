import { dirname, join, relative } from "node:path";
import { TemporaryFolder } from "../temporary.ts";
import { type Artifact, MEDIA_TYPES, type TestBlob } from "./artifacts.ts";
import { filesBelow } from "./store_check.ts";

const WASM: readonly string[] = [MEDIA_TYPES.spinWasm, MEDIA_TYPES.wasm];

/** Folders whose files count as cached; the others hold a few bytes for larder's own use. */
const TREES = ["data", "wasm", "manifests", "packages", "builds", "images", "compiled", "partial"];

export const HOUR = 60 * 60_000;
export const DAY = 24 * HOUR;

/** How an entry is written. Ages are in milliseconds before `now` of the cache. */
export interface EntryOptions {
  /** Age of its last use. */
  readonly used?: number;
  /** Age of its content; by default that of its last use. */
  readonly written?: number;
  readonly pinned?: boolean;
}

/** A cache that is written without larder's own code, at a time that the test chooses. */
export class TestCache extends TemporaryFolder {
  readonly registry: string;
  readonly now: number;

  /** @param cache path of the cache folder, relative to the temporary folder */
  constructor({ cache = ".", now = Date.UTC(2026, 0, 31, 12) } = {}) {
    super();
    this.registry = join(this.path, cache, "registry");
    this.now = now;
  }

  /** Writes the files of a pull by tag, and returns the folder of the tag. */
  pulled(reference: string, artifact: Artifact, options: EntryOptions = {}): string {
    const { repository, tag } = split(reference);
    const folder = join(repository, tag);
    const chosen = imageOf(artifact);
    const written = options.written ?? options.used ?? 0;
    this.content(repository, artifact, written);
    this.write(join(folder, "manifest.json"), chosen.bytes, written);
    this.write(join(folder, "config.json"), configOf(chosen).bytes, written);
    this.#nameEntry(folder, reference, artifact, options);
    return join(this.registry, folder);
  }

  /** Writes the files of a pull by digest, and returns the folder of the digest. */
  pulledByDigest(name: string, artifact: Artifact, options: EntryOptions = {}): string {
    const { digest } = artifact.descriptor;
    const repository = join("manifests", name);
    this.content(repository, artifact, options.written ?? options.used ?? 0);
    this.#nameEntry(join(repository, digest), `${name}@${digest}`, artifact, options);
    return join(this.registry, repository, digest);
  }

  /** Writes the files of `spin registry pull`, and returns the folder of the tag. */
  pulledBySpin(reference: string, artifact: Artifact, options: EntryOptions = {}): string {
    const { folder, files } = writeAsSpin(this.registry, reference, artifact);
    for (const path of files) this.age(path, options.written ?? options.used ?? 0);
    this.age(join(folder, "manifest.json"), options.used ?? 0);
    if (options.pinned) this.write(join(relative(this.registry, folder), "pin.json"), "{}");
    return folder;
  }

  /** Writes the manifests and blobs of an artifact without the folder of a tag or a record. */
  content(repository: string, artifact: Artifact, written = 0): void {
    const folder = join(repository, artifact.descriptor.digest);
    this.write(join(folder, "manifest.json"), artifact.bytes, written);
    for (const child of artifact.children) this.content(repository, child, written);
    if (artifact.blobs.length === 0) return;
    const config = configOf(artifact);
    const isLocked = config.descriptor.mediaType === MEDIA_TYPES.spinApplication &&
      config !== artifact.blobs[0];
    this.write(join(folder, "config.json"), config.bytes, written);
    this.blobs(artifact.blobs.filter((blob) => !isLocked || blob !== config), written);
  }

  blobs(blobs: readonly TestBlob[], written = 0): void {
    for (const blob of blobs) this.write(relativePathOf(blob), blob.bytes, written);
  }

  /** Writes a compiled entry, and returns its folder. */
  compiled(
    component: string,
    engine: string,
    files: TestBlob[],
    options: EntryOptions = {},
  ): string {
    this.blobs(files, options.written ?? options.used ?? 0);
    return this.#record(join("compiled", component, engine), {
      schemaVersion: 1,
      files: files.map(({ descriptor }, i) => ({ name: `file${i}`, ...descriptor })),
    }, options);
  }

  /**
   * Writes a package, and returns its folder.
   * @param name `source/name/version/arch`, or these parts if one of them has a slash
   * @param more further members of the record
   */
  package(
    name: string | readonly string[],
    file: TestBlob,
    options: EntryOptions = {},
    more: object = {},
  ): string {
    const parts = typeof name === "string" ? name.split("/") : name;
    const [source, own, version, arch] = parts;
    this.blobs([file], options.written ?? options.used ?? 0);
    return this.#record(join("packages", ...parts.map(encodeURIComponent)), {
      schemaVersion: 1,
      source,
      name: own,
      version,
      arch,
      ...file.descriptor,
      createdAt: this.#time(options.used),
      ...more,
    }, options);
  }

  /** Writes a build, and returns its folder. @param tree name of the folder of all builds */
  build(
    name: string,
    specification: string,
    file: TestBlob,
    options: EntryOptions = {},
    tree: "builds" | "images" = "builds",
  ): string {
    this.blobs([file], options.written ?? options.used ?? 0);
    return this.#record(join(tree, specification), {
      schemaVersion: 1,
      name,
      specification,
      ...file.descriptor,
      createdAt: this.#time(options.used),
    }, options);
  }

  /** Writes a file at a path relative to the registry folder. @param age age in milliseconds */
  write(name: string, content: Uint8Array | string | object, age = 0): string {
    const path = join(this.registry, name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    const bytes = content instanceof Uint8Array
      ? content
      : new TextEncoder().encode(typeof content === "string" ? content : JSON.stringify(content));
    Deno.writeFileSync(path, bytes, { mode: 0o600 });
    this.age(path, age);
    return path;
  }

  /** Sets the age of a file in milliseconds. */
  age(path: string, age: number): void {
    const time = new Date(this.now - age);
    Deno.utimeSync(path, time, time);
  }

  /** Returns the bytes of all cached files. */
  size(): number {
    return TREES.flatMap((tree) => filesBelow(join(this.registry, tree)))
      .reduce((sum, path) => sum + Deno.lstatSync(path).size, 0);
  }

  #nameEntry(folder: string, reference: string, artifact: Artifact, options: EntryOptions): void {
    const { digest, mediaType } = artifact.descriptor;
    this.#record(join(folder), {
      schemaVersion: 1,
      reference,
      digest,
      mediaType,
      manifestDigest: imageOf(artifact).descriptor.digest,
      pulledAt: this.#time(options.used),
      checkedAt: this.#time(options.used),
    }, options);
  }

  #record(folder: string, record: object, { used = 0, pinned }: EntryOptions): string {
    this.write(join(folder, "record.json"), record, used);
    if (pinned) this.write(join(folder, "pin.json"), "{}");
    return join(this.registry, folder);
  }

  #time(age = 0): string {
    return new Date(this.now - age).toISOString();
  }
}

/**
 * Writes the files of `spin registry pull`: a manifest formatted by Spin, mode 0644, no record. Returns the folder of
 * the tag and the paths of all files.
 */
export function writeAsSpin(
  registry: string,
  reference: string,
  artifact: Artifact,
): { folder: string; files: string[] } {
  const { repository, tag } = split(reference);
  const folder = join(registry, repository, tag);
  const manifest = JSON.parse(new TextDecoder().decode(artifact.bytes));
  const config = configOf(artifact);
  // Spin does not write the config of an image that has a locked app among its layers.
  const blobs = artifact.blobs.slice(1).filter((blob) => blob !== config);
  const files: [path: string, content: Uint8Array][] = [
    ...blobs.map((
      blob,
    ): [string, Uint8Array] => [join(registry, relativePathOf(blob)), blob.bytes]),
    [join(folder, "config.json"), config.bytes],
    [join(folder, "manifest.json"), new TextEncoder().encode(JSON.stringify(manifest, null, 1))],
  ];
  for (const [path, content] of files) {
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeFileSync(path, content, { mode: 0o644 });
  }
  return { folder, files: files.map(([path]) => path) };
}

/** Returns the path of a blob in the registry folder. */
export function relativePathOf({ descriptor }: TestBlob): string {
  return join(WASM.includes(descriptor.mediaType) ? "wasm" : "data", descriptor.digest);
}

/** Returns what is stored as `config.json`: Spin's locked app if there is one, otherwise the config. */
function configOf(image: Artifact): TestBlob {
  return image.blobs.find((b) => b.descriptor.mediaType === MEDIA_TYPES.spinApplication) ??
    image.blobs[0]!;
}

/** Returns the image that the folder of a tag gets: the first one of an index. */
function imageOf(artifact: Artifact): Artifact {
  return artifact.children.length > 0 ? imageOf(artifact.children[0]!) : artifact;
}

function split(reference: string): { repository: string; tag: string } {
  const [, name, tag] = /^(.*):([^:/]+)$/.exec(reference)!;
  return { repository: join("manifests", name!), tag: tag! };
}
