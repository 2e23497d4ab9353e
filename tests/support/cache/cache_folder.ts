import { dirname, join, relative } from "node:path";
import { TemporaryFolder } from "../temporary.ts";
import { type Artifact, MEDIA_TYPES, type TestBlob } from "./artifacts.ts";
import { filesBelow } from "./store_check.ts";

const WASM: readonly string[] = [MEDIA_TYPES.spinWasm, MEDIA_TYPES.wasm];

/** Where what is cached lies; the rest is a few bytes for larder's own use. */
const TREES = ["data", "wasm", "manifests", "packages", "builds", "images", "compiled", "partial"];

export const HOUR = 60 * 60_000;
export const DAY = 24 * HOUR;

/** How an entry is to be written. Ages are milliseconds before the cache's `now`. */
export interface Writing {
  /** Since its last use. */
  readonly used?: number;
  /** Since its content was written; as long as it was not used, if left out. */
  readonly written?: number;
  readonly pinned?: boolean;
}

/**
 * A cache that is written as the design says, and not by larder's own code, at a time that the test chooses.
 */
export class CacheFolder extends TemporaryFolder {
  readonly registry: string;
  readonly now: number;

  /** @param cache the folder of the cache, relative to the temporary one */
  constructor({ cache = ".", now = Date.UTC(2026, 0, 31, 12) } = {}) {
    super();
    this.registry = join(this.path, cache, "registry");
    this.now = now;
  }

  /** Writes what a pull of a tag leaves, and returns the tag's folder. */
  pulled(reference: string, artifact: Artifact, writing: Writing = {}): string {
    const { repository, tag } = split(reference);
    const folder = join(repository, tag);
    const chosen = imageOf(artifact);
    const written = writing.written ?? writing.used ?? 0;
    this.content(repository, artifact, written);
    this.write(join(folder, "manifest.json"), chosen.bytes, written);
    this.write(join(folder, "config.json"), configOf(chosen).bytes, written);
    this.#name(folder, reference, artifact, writing);
    return join(this.registry, folder);
  }

  /** Writes what a pull of a digest leaves, and returns the digest's folder. */
  pulledByDigest(name: string, artifact: Artifact, writing: Writing = {}): string {
    const { digest } = artifact.descriptor;
    const repository = join("manifests", name);
    this.content(repository, artifact, writing.written ?? writing.used ?? 0);
    this.#name(join(repository, digest), `${name}@${digest}`, artifact, writing);
    return join(this.registry, repository, digest);
  }

  /** Writes what `spin registry pull` leaves, and returns the tag's folder. Spin unpacks archives as larder does. */
  spins(reference: string, artifact: Artifact, writing: Writing = {}): string {
    const { folder, files } = writeAsSpin(this.registry, reference, artifact);
    for (const path of files) this.age(path, writing.written ?? writing.used ?? 0);
    this.age(join(folder, "manifest.json"), writing.used ?? 0);
    if (writing.pinned) this.write(join(relative(this.registry, folder), "pin.json"), "{}");
    return folder;
  }

  /** Writes manifests and blobs, as a pull does before it names anything. */
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

  /** Writes compiled code, and returns its folder. */
  compiled(component: string, engine: string, files: TestBlob[], writing: Writing = {}): string {
    this.blobs(files, writing.written ?? writing.used ?? 0);
    return this.#record(join("compiled", component, engine), {
      schemaVersion: 1,
      files: files.map(({ descriptor }, i) => ({ name: `file${i}`, ...descriptor })),
    }, writing);
  }

  /** Writes a package `source/name/version/arch` of plain names, and returns its folder. */
  package(name: string, file: TestBlob, writing: Writing = {}): string {
    const [source, own, version, arch] = name.split("/");
    this.blobs([file], writing.written ?? writing.used ?? 0);
    return this.#record(join("packages", name), {
      schemaVersion: 1,
      source,
      name: own,
      version,
      arch,
      ...file.descriptor,
      createdAt: this.#time(writing.used),
    }, writing);
  }

  /** Writes what an image builder made, and returns its folder. @param tree the folder of all builds */
  build(
    name: string,
    specification: string,
    file: TestBlob,
    writing: Writing = {},
    tree: "builds" | "images" = "builds",
  ): string {
    this.blobs([file], writing.written ?? writing.used ?? 0);
    return this.#record(join(tree, specification), {
      schemaVersion: 1,
      name,
      specification,
      ...file.descriptor,
      createdAt: this.#time(writing.used),
    }, writing);
  }

  /** Writes a file, relative to the registry folder. @param age since it was written, in milliseconds */
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

  /** Gives a file an age. */
  age(path: string, age: number): void {
    const time = new Date(this.now - age);
    Deno.utimeSync(path, time, time);
  }

  /** Bytes of all that is cached. */
  size(): number {
    return TREES.flatMap((tree) => filesBelow(join(this.registry, tree)))
      .reduce((sum, path) => sum + Deno.lstatSync(path).size, 0);
  }

  #name(folder: string, reference: string, artifact: Artifact, writing: Writing): void {
    const { digest, mediaType } = artifact.descriptor;
    this.#record(join(folder), {
      schemaVersion: 1,
      reference,
      digest,
      mediaType,
      manifestDigest: imageOf(artifact).descriptor.digest,
      pulledAt: this.#time(writing.used),
      checkedAt: this.#time(writing.used),
    }, writing);
  }

  #record(folder: string, record: object, { used = 0, pinned }: Writing): string {
    this.write(join(folder, "record.json"), record, used);
    if (pinned) this.write(join(folder, "pin.json"), "{}");
    return join(this.registry, folder);
  }

  #time(age = 0): string {
    return new Date(this.now - age).toISOString();
  }
}

/**
 * Writes what `spin registry pull` leaves: its own JSON of the manifest, open modes, no record. Returns the tag's
 * folder, and all files.
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
  // Spin has no use for the config of an image that has a locked app among its layers.
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

/** Where a blob lies. */
export function relativePathOf({ descriptor }: TestBlob): string {
  return join(WASM.includes(descriptor.mediaType) ? "wasm" : "data", descriptor.digest);
}

/** What of an image is kept as `config.json`: Spin's locked app if it has one, else its config. */
function configOf(image: Artifact): TestBlob {
  return image.blobs.find((b) => b.descriptor.mediaType === MEDIA_TYPES.spinApplication) ??
    image.blobs[0]!;
}

/** The image that a tag shows: the first one of an index. */
function imageOf(artifact: Artifact): Artifact {
  return artifact.children.length > 0 ? imageOf(artifact.children[0]!) : artifact;
}

function split(reference: string): { repository: string; tag: string } {
  const [, name, tag] = /^(.*):([^:/]+)$/.exec(reference)!;
  return { repository: join("manifests", name!), tag: tag! };
}
