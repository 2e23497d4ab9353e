import { dirname, join } from "node:path";
import { type Artifact, MEDIA_TYPES, type TestBlob } from "./artifacts.ts";
import { larder } from "./in_process.ts";
import { TemporaryFolder } from "./temporary.ts";

/** When everything in a {@link CacheHome} was fetched, made and last used, if a test says nothing else. */
export const PULLED = "2026-01-02T03:04:05.000Z";

const WASM: readonly string[] = [MEDIA_TYPES.spinWasm, MEDIA_TYPES.wasm];

/** A home folder with a cache, written as the design says and not by larder's own code. */
export class CacheHome extends TemporaryFolder {
  /** The folder that holds everything. */
  readonly registry = join(this.path, ".cache/larder/registry");

  /** Runs a command line of larder as the user of this home. */
  larder(...args: string[]) {
    return larder(this.path, ...args);
  }

  /** An app that larder pulled; returns its folder. */
  app(reference: string, artifact: Artifact, members: object = {}, used = PULLED): string {
    const folder = this.#tagFolder(reference);
    const { digest, mediaType } = artifact.descriptor;
    const chosen = artifact.children[0] ?? artifact;
    for (const each of [artifact, ...artifact.children]) {
      const own = join(dirname(folder), each.descriptor.digest);
      this.write(join(own, "manifest.json"), each.bytes);
      if (each.blobs.length > 0) this.write(join(own, "config.json"), configOf(each));
    }
    this.#blobs(chosen);
    this.write(join(folder, "manifest.json"), chosen.bytes);
    this.write(join(folder, "config.json"), configOf(chosen));
    this.write(join(folder, "record.json"), {
      schemaVersion: 1,
      reference,
      digest,
      mediaType,
      manifestDigest: chosen.descriptor.digest,
      pulledAt: PULLED,
      checkedAt: PULLED,
      ...members,
    }, used);
    return join(this.registry, folder);
  }

  /** An app as Spin writes it. */
  spinApp(reference: string, artifact: Artifact, used = PULLED): string {
    const folder = this.#tagFolder(reference);
    this.#blobs(artifact);
    this.write(join(folder, "config.json"), configOf(artifact));
    this.write(join(folder, "manifest.json"), artifact.bytes, used);
    return join(this.registry, folder);
  }

  /** A package, an image or compiled code: a record that names blobs. */
  recorded(folder: string, blobs: readonly TestBlob[], members: object, used = PULLED): string {
    for (const blob of blobs) this.blob(blob);
    this.write(join(folder, "record.json"), { schemaVersion: 1, ...members }, used);
    return join(this.registry, folder);
  }

  /** A blob, needed by something or not. */
  blob({ descriptor, bytes }: TestBlob): string {
    const tree = WASM.includes(descriptor.mediaType) ? "wasm" : "data";
    return this.write(join(tree, descriptor.digest), bytes);
  }

  /** Pins what lies in a folder. */
  pin(folder: string, note?: string): void {
    Deno.writeTextFileSync(join(folder, "pin.json"), JSON.stringify({ note }));
  }

  /** Writes a file of the cache; an object as JSON. */
  write(name: string, content: Uint8Array | string | object, time = PULLED): string {
    const path = join(this.registry, name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    if (content instanceof Uint8Array) Deno.writeFileSync(path, content);
    else {
      const text = typeof content === "string" ? content : JSON.stringify(content);
      Deno.writeTextFileSync(path, text);
    }
    Deno.chmodSync(path, 0o600);
    Deno.utimeSync(path, new Date(time), new Date(time));
    return path;
  }

  #tagFolder(reference: string): string {
    const colon = reference.lastIndexOf(":");
    return join("manifests", reference.slice(0, colon), reference.slice(colon + 1));
  }

  #blobs(artifact: Artifact): void {
    for (const blob of artifact.blobs) {
      // Spin's locked app is only ever `config.json`.
      if (blob.descriptor.mediaType !== MEDIA_TYPES.spinApplication) this.blob(blob);
    }
  }
}

/** What `config.json` holds: Spin's locked app where there is one, else the config. */
function configOf({ blobs }: Artifact): Uint8Array {
  const locked = blobs.find(({ descriptor }) =>
    descriptor.mediaType === MEDIA_TYPES.spinApplication
  );
  return (locked ?? blobs[0]!).bytes;
}
