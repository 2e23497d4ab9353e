import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type Artifact, digestOf, MEDIA_TYPES, type TestBlob, utf8 } from "./artifacts.ts";

/**
 * What Spin does with its cache, step by step, so that a test can let another program act between any two steps, or
 * kill Spin there. Follows the crates spin-oci (`client.rs`, `loader.rs`) and spin-loader (`cache.rs`) of Spin 3.
 */
export class Spin {
  /** @param registry path of the `registry` folder */
  constructor(readonly registry: string, readonly umask = 0o022) {}

  /** Pulls an artifact under `host/name:tag`, or under `host/name@digest`, which Spin files under `latest`. */
  *pull(reference: string, artifact: Artifact): Generator<void> {
    const folder = this.folder(reference);
    const { schemaVersion, mediaType, config, layers, annotations } = JSON.parse(
      new TextDecoder().decode(artifact.bytes),
    );
    const manifest = { schemaVersion, mediaType, config, layers, annotations };
    yield* this.#write(join(folder, "manifest.json"), utf8(JSON.stringify(manifest)));
    const [configBlob, ...others] = artifact.blobs;
    yield* this.#write(join(folder, "config.json"), configBlob!.bytes);
    for (const layer of others) {
      if (this.#wasmFile(layer.descriptor.digest)) continue;
      yield; // The download.
      yield* this.#store(folder, layer);
    }
  }

  /** Runs {@link pull} to its end. */
  pullAll(reference: string, artifact: Artifact): void {
    for (const _ of this.pull(reference, artifact));
  }

  /**
   * Loads a reference after a pull, and reads every file that it names.
   * @throws Error as Spin does if a file is missing, and if a file has other bytes than its digest says
   */
  load(reference: string): void {
    const folder = this.folder(reference);
    const text = Deno.readTextFileSync(join(folder, "config.json"));
    const app = JSON.parse(text);
    if (app.spin_lock_version === undefined) {
      const { layers } = JSON.parse(Deno.readTextFileSync(join(folder, "manifest.json")));
      if (layers.length !== 1) throw new Error(`expected one layer, found ${layers.length}`);
      return check(this.#path("wasm", layers[0].digest), layers[0].digest);
    }
    for (const { source, files = [], dependencies = {} } of app.components) {
      for (const each of [{ source }, ...Object.values<{ source: Source }>(dependencies)]) {
        const path = this.#wasmFile(each.source.digest);
        if (!path) throw new Error(`cannot find wasm file for digest ${each.source.digest}`);
        check(path, each.source.digest);
      }
      for (const { inline, digest } of files) {
        if (inline !== undefined) continue;
        if (!exists(this.#path("data", digest))) {
          throw new Error(`cannot find data file for digest ${digest}`);
        }
        check(this.#path("data", digest), digest);
      }
    }
  }

  folder(reference: string): string {
    const [, name, tag = "latest"] = /^([^@]+?)(?::([^:/@]+))?(?:@.*)?$/.exec(reference)!;
    return join(this.registry, "manifests", name!, tag);
  }

  *#store(folder: string, { descriptor, bytes }: TestBlob): Generator<void> {
    const { digest, mediaType } = descriptor;
    switch (mediaType) {
      case MEDIA_TYPES.spinApplication:
        return yield* this.#write(join(folder, "config.json"), bytes);
      case MEDIA_TYPES.spinWasm:
      case MEDIA_TYPES.wasm:
        return yield* this.#write(this.#path("wasm", digest), bytes);
    }
    yield* this.#write(this.#path("data", digest), bytes);
    if (mediaType !== MEDIA_TYPES.spinArchive) return;
    const archive = Deno.readFileSync(this.#path("data", digest));
    yield;
    for (const file of filesOf(archive)) {
      const path = this.#path("data", digestOf(file));
      if (!exists(path)) yield* this.#write(path, file);
    }
  }

  /** Writes a file in place, as Rust's `fs::write`. A kill leaves it empty or half-written. */
  *#write(path: string, bytes: Uint8Array): Generator<void> {
    Deno.mkdirSync(dirname(path), { recursive: true });
    const isNew = !exists(path);
    const file = Deno.openSync(path, { write: true, create: true, truncate: true });
    try {
      if (isNew) Deno.chmodSync(path, 0o666 & ~this.umask);
      yield;
      const half = bytes.length >> 1;
      file.writeSync(bytes.subarray(0, half));
      yield;
      file.writeSync(bytes.subarray(half));
    } finally {
      file.close();
    }
    yield;
  }

  /** Returns the path of a blob in `wasm/`, or else in `data/`; undefined if neither has it. */
  #wasmFile(digest: string): string | undefined {
    return [this.#path("wasm", digest), this.#path("data", digest)].find(exists);
  }

  #path(tree: "data" | "wasm", digest: string): string {
    return join(this.registry, tree, digest);
  }
}

interface Source {
  readonly digest: string;
}

/** Returns the regular files of a gzipped tar of {@link archiveOf}, whose names are short. */
export function filesOf(archive: Uint8Array): Uint8Array[] {
  const tar = new Uint8Array(gunzipSync(archive));
  const files: Uint8Array[] = [];
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const size = parseInt(new TextDecoder().decode(tar.subarray(at + 124, at + 135)), 8);
    if ([0, 0x30].includes(tar[at + 156]!)) files.push(tar.slice(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

function check(path: string, digest: string): void {
  const actual = `sha256:${createHash("sha256").update(Deno.readFileSync(path)).digest("hex")}`;
  if (actual !== digest) throw new Error(`${path} is ${actual}`);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path) !== undefined;
  } catch {
    return false;
  }
}
