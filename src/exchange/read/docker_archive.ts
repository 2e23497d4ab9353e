import { finished } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import * as v from "valibot";
import { messageOf } from "../../base/errors.ts";
import { COPY_BUFFER } from "../../base/limits.ts";
import { DigestSchema } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestOf, Hasher } from "../../oci/hash.ts";
import { configOf, type ImageManifest, parseManifest } from "../../oci/manifest.ts";
import { OCI_MANIFEST } from "../../oci/media_types.ts";
import { badBundle } from "./bundle_errors.ts";
import type { BundleSource } from "./bundle_source.ts";
import { compressionOf } from "../compression.ts";
import type { ImportPlan, PlannedEntry } from "../import_plan.ts";

/** The list of images of an archive that `docker save` and `podman save` write. */
export const DOCKER_MANIFEST_FILE = "manifest.json";

const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar";

/** Source: Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset Format". */
const ImageSchema = v.object({
  Config: v.string(),
  RepoTags: v.nullish(v.array(v.string()), []),
  Layers: v.nullish(v.array(v.string()), []),
});

const ConfigSchema = v.object({
  rootfs: v.object({ diff_ids: v.nullish(v.array(DigestSchema), []) }),
});

type DockerImage = v.InferOutput<typeof ImageSchema>;

/** A layer of an archive. */
interface Layer {
  readonly name: string;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  /** Digest of the layer without compression. */
  readonly diffId: Digest;
}

/**
 * Reads the images of an archive of Docker's older format, and verifies their configs. The archive has no manifests, so
 * larder makes one for each image: its digest is not that of a registry, because layers in registries are compressed.
 *
 * @throws LarderError LDR_BAD_BUNDLE, LDR_DISK*, LDR_INTERRUPTED
 */
export async function readDockerArchive(
  source: BundleSource,
  signal?: AbortSignal,
): Promise<ImportPlan> {
  const images = parse(
    source,
    v.array(ImageSchema),
    DOCKER_MANIFEST_FILE,
    await source.read(DOCKER_MANIFEST_FILE),
  );
  const layers = await readLayers(source, images, signal);
  const files = new Map<Digest, string>();
  const entries: PlannedEntry[] = [];
  for (const image of images) {
    const own = image.Layers.map((name) => layers.get(source.resolve(name))!);
    const manifest = await manifestOf(source, image, own);
    files.set(configOf(manifest).digest, image.Config);
    for (const { digest, name } of own) files.set(digest, name);
    const selection = {
      top: manifest,
      chosen: manifest,
      platform: undefined,
      images: [manifest],
      indexes: [],
    };
    const labels = image.RepoTags.length > 0 ? image.RepoTags : [undefined];
    for (const label of labels) {
      entries.push({ type: "reference", label, selection, isWhole: true, checkedAt: undefined });
    }
  }
  return { entries, fileOf: (digest) => files.get(digest) ?? digest, isPartial: false };
}

/** Makes the manifest of an image after checking its config and layers. @throws LarderError LDR_BAD_BUNDLE */
async function manifestOf(
  source: BundleSource,
  { Config: name }: DockerImage,
  layers: readonly Layer[],
): Promise<ImageManifest> {
  const config = await source.read(name);
  const { diff_ids: diffIds } = parse(source, ConfigSchema, name, config).rootfs;
  const digest = digestOf(config!);
  checkName(source, name, digest);
  if (diffIds.length !== layers.length) {
    throw badBundle(source.path, `${name} names ${diffIds.length} layers, not ${layers.length}`);
  }
  for (const [i, layer] of layers.entries()) {
    if (layer.diffId === diffIds[i]) continue;
    const reason = `the content of ${layer.name} is ${layer.diffId}, not ${diffIds[i]}`;
    throw badBundle(source.path, reason);
  }
  const bytes = new TextEncoder().encode(JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: CONFIG_TYPE, digest, size: config!.length },
    layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
  }));
  const manifest = parseManifest(bytes, name);
  if (manifest.kind !== "image") throw new Error("an image was written");
  return manifest;
}

/** Hashes all layers: crane keeps them compressed, so that their digests are not those in the configs. */
async function readLayers(
  source: BundleSource,
  images: readonly DockerImage[],
  signal: AbortSignal | undefined,
): Promise<Map<string, Layer>> {
  const names = new Set(images.flatMap(({ Layers }) => Layers.map((name) => source.resolve(name))));
  const layers = new Map<string, Layer>();
  for (const name of names) {
    if (source.sizeOf(name) === undefined) throw badBundle(source.path, `${name} is missing`);
  }
  await source.visit(names, async (name, chunks) => {
    layers.set(name, await hashLayer(source, name, chunks));
  }, signal);
  return layers;
}

async function hashLayer(
  source: BundleSource,
  name: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<Layer> {
  const raw = new Hasher();
  let size = 0;
  let expanded: GzipHasher | undefined;
  for await (const chunk of chunks) {
    if (size === 0 && compressionOf(chunk) === "gzip") expanded = new GzipHasher();
    raw.update(chunk);
    size += chunk.length;
    await expanded?.update(chunk.slice());
  }
  const digest = raw.digest();
  try {
    const mediaType = expanded ? `${LAYER_TYPE}+gzip` : LAYER_TYPE;
    return { name, mediaType, digest, size, diffId: await expanded?.digest() ?? digest };
  } catch (error) {
    throw badBundle(source.path, `${name}: ${messageOf(error)}`, { cause: error });
  }
}

/** Hashes what gzipped bytes expand to. */
class GzipHasher {
  readonly #hasher = new Hasher();
  readonly #gunzip = createGunzip({ chunkSize: COPY_BUFFER });
  readonly #ended = finished(this.#gunzip);

  constructor() {
    this.#ended.catch(() => {}); // `digest` throws it.
    this.#gunzip.on("data", (chunk: Uint8Array) => this.#hasher.update(chunk));
  }

  async update(bytes: Uint8Array): Promise<void> {
    if (this.#gunzip.destroyed || this.#gunzip.write(bytes)) return;
    const drained = new Promise((resolve) => this.#gunzip.once("drain", resolve));
    await Promise.race([drained, this.#ended.catch(() => {})]);
  }

  async digest(): Promise<Digest> {
    this.#gunzip.end();
    await this.#ended;
    return this.#hasher.digest();
  }
}

function parse<T extends v.GenericSchema>(
  source: BundleSource,
  schema: T,
  name: string,
  bytes: Uint8Array | undefined,
): v.InferOutput<T> {
  if (!bytes) throw badBundle(source.path, `${name} is missing`);
  try {
    const result = v.safeParse(schema, JSON.parse(new TextDecoder().decode(bytes)));
    if (result.success) return result.output;
  } catch {
    // Reported below.
  }
  throw badBundle(source.path, `${name} has not the form that docker save writes`);
}

/** Compares the digest in the name of a config, if there is one. */
function checkName(source: BundleSource, name: string, digest: Digest): void {
  const [hex] = /[0-9a-f]{64}/.exec(name) ?? [];
  if (hex === undefined || digest === `sha256:${hex}`) return;
  throw badBundle(source.path, `the content of ${name} is ${digest}`);
}
