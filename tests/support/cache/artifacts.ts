import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";

/**
 * An artifact in memory: a manifest or index and everything that it refers to. Follows the specifications without
 * larder's own types, so that a mistake in those is noticed.
 */
export interface Artifact {
  readonly descriptor: TestDescriptor;
  /** The bytes of the manifest. */
  readonly bytes: Uint8Array;
  readonly blobs: readonly TestBlob[];
  /** The manifests that an index lists. */
  readonly children: readonly Artifact[];
}

/** Content and its descriptor. */
export interface TestBlob {
  readonly descriptor: TestDescriptor;
  readonly bytes: Uint8Array;
}

export interface TestDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  data?: string;
  platform?: TestPlatform;
}

export interface TestPlatform {
  os: string;
  architecture: string;
  variant?: string;
}

export const MEDIA_TYPES = {
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar+gzip",
  ociForeignLayer: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerManifestList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerForeignLayer: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  wasm: "application/wasm",
  wasmConfig: "application/vnd.wasm.config.v0+json",
  spinWasm: "application/vnd.wasm.content.layer.v1+wasm",
  spinData: "application/vnd.wasm.content.layer.v1+data",
  spinArchive: "application/vnd.wasm.content.bundle.v1.tar+gzip",
  spinApplication: "application/vnd.fermyon.spin.application.v1+config",
} as const;

/** Returns the smallest Wasm module, with `text` in a custom section to make it unique. */
export function wasmModule(text = ""): Uint8Array {
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  const content = new TextEncoder().encode(text);
  if (content.length > 100) throw new Error("the section's length must fit one LEB128 byte");
  const name = [1, 0x74];
  return Uint8Array.from([...magic, 0, content.length + name.length, ...name, ...content]);
}

/** Returns `length` bytes that depend on `seed` and do not compress. */
export function randomBytes(length: number, seed = "seed"): Uint8Array {
  return new Uint8Array(createHash("shake128", { outputLength: length }).update(seed).digest());
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function digestOf(bytes: Uint8Array, algorithm: "sha256" | "sha512" = "sha256"): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}

/** Returns content with its descriptor; `extra` adds or overrides members of the descriptor. */
export function blob(
  bytes: Uint8Array | string,
  mediaType: string = MEDIA_TYPES.ociLayer,
  extra: Partial<TestDescriptor> = {},
): TestBlob {
  const content = typeof bytes === "string" ? utf8(bytes) : bytes;
  const digest = digestOf(content);
  return { bytes: content, descriptor: { mediaType, digest, size: content.length, ...extra } };
}

/** Returns content with a sha512 descriptor. */
export function sha512Blob(bytes: Uint8Array | string, mediaType?: string): TestBlob {
  const content = typeof bytes === "string" ? utf8(bytes) : bytes;
  return blob(content, mediaType, { digest: digestOf(content, "sha512") });
}

/** Returns an artifact whose manifest is the given document, valid or not. */
export function manifestOf(
  document: unknown,
  mediaType: string,
  contents: { blobs?: readonly TestBlob[]; children?: readonly Artifact[] } = {},
): Artifact {
  const { descriptor, bytes } = blob(JSON.stringify(document), mediaType);
  return { descriptor, bytes, blobs: contents.blobs ?? [], children: contents.children ?? [] };
}

/** Returns an image. A layer that is a string becomes an OCI or Docker layer of that content. */
export function image(
  layers: readonly (TestBlob | string)[],
  options: { config?: TestBlob; docker?: boolean; platform?: TestPlatform; annotations?: object } =
    {},
): Artifact {
  const types = options.docker
    ? [MEDIA_TYPES.dockerManifest, MEDIA_TYPES.dockerConfig, MEDIA_TYPES.dockerLayer] as const
    : [MEDIA_TYPES.ociManifest, MEDIA_TYPES.ociConfig, MEDIA_TYPES.ociLayer] as const;
  const [manifestType, configType, layerType] = types;
  const blobs = layers.map((layer) => typeof layer === "string" ? blob(layer, layerType) : layer);
  const config = options.config ?? imageConfig(blobs, configType, options.platform);
  return manifestOf(
    {
      schemaVersion: 2,
      mediaType: manifestType,
      config: config.descriptor,
      layers: blobs.map(({ descriptor }) => descriptor),
      annotations: options.annotations,
    },
    manifestType,
    { blobs: [config, ...blobs] },
  );
}

function imageConfig(layers: readonly TestBlob[], type: string, platform?: TestPlatform): TestBlob {
  const { os, architecture, variant } = platform ?? { os: "linux", architecture: "amd64" };
  const diffIds = layers.map(({ descriptor }) => descriptor.digest);
  const rootfs = { type: "layers", diff_ids: diffIds };
  return blob(JSON.stringify({ os, architecture, variant, config: {}, rootfs }), type);
}

/** An entry of an index. */
export interface IndexEntry {
  readonly artifact: Artifact;
  readonly platform?: TestPlatform;
}

/** Returns an OCI index or a Docker manifest list. */
export function index(
  entries: readonly IndexEntry[],
  options: { docker?: boolean } = {},
): Artifact {
  const type = options.docker ? MEDIA_TYPES.dockerManifestList : MEDIA_TYPES.ociIndex;
  const manifests = entries.map(({ artifact, platform }) => ({ ...artifact.descriptor, platform }));
  const children = entries.map(({ artifact }) => artifact);
  return manifestOf({ schemaVersion: 2, mediaType: type, manifests }, type, { children });
}

/** Returns indexes around an image, each of which names the one below it many times: `times` to the power of `levels`. */
export function repeated(artifact: Artifact, times: number, levels: number): Artifact {
  let top = artifact;
  for (let level = 0; level < levels; level++) {
    top = { ...index(Array(times).fill({ artifact: top })), children: [top] };
  }
  return top;
}

/** Returns an index of small images, one per platform: `multiPlatform("linux/amd64", "linux/arm/v7")`. */
export function multiPlatform(...platforms: string[]): Artifact {
  return index(platforms.map((name) => {
    const platform = platformOf(name);
    return { artifact: image([`layer of ${name}`], { platform }), platform };
  }));
}

/** Platform of the containers that this machine runs. */
export const HOST_PLATFORM = `linux/${Deno.build.arch === "aarch64" ? "arm64" : "amd64"}`;

export function platformOf(name: string): TestPlatform {
  const [os = "", architecture = "", variant] = name.split("/");
  return variant === undefined ? { os, architecture } : { os, architecture, variant };
}

/** Returns a Wasm component as an OCI artifact (CNCF Wasm OCI artifact layout). */
export function wasmArtifact(module: Uint8Array = wasmModule()): Artifact {
  const config = blob(
    JSON.stringify({ os: "wasi", architecture: "wasm", created: "2024-01-01T00:00:00Z" }),
    MEDIA_TYPES.wasmConfig,
  );
  return image([blob(module, MEDIA_TYPES.wasm)], { config });
}

/** Returns a gzipped tar of text files. Times and owners are fixed, and so is the digest. */
export async function archiveOf(files: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const tar = pack();
  for (const [name, text] of Object.entries(files)) tar.entry({ name, mtime: new Date(0) }, text);
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  return new Uint8Array(gzipSync(await new globalThis.Blob(chunks as BlobPart[]).bytes()));
}
