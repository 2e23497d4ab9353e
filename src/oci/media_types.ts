/**
 * Media types and how larder treats them. Sources: OCI image-spec media-types.md, Docker image manifest v2 schema 2,
 * the CNCF Wasm OCI artifact layout, and the apps that Spin pushes.
 */

export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

/** The `Accept` header of a request for a manifest, preferred types first. */
export const MANIFEST_ACCEPT =
  `${OCI_MANIFEST}, ${OCI_INDEX}, ${DOCKER_MANIFEST}, ${DOCKER_MANIFEST_LIST}`;

/** Spin's locked app: a layer since Spin 2.0, before that the config of the manifest. */
export const SPIN_APPLICATION = "application/vnd.fermyon.spin.application.v1+config";

/** Spin's archive of static files. */
export const SPIN_ARCHIVE = "application/vnd.wasm.content.bundle.v1.tar+gzip";

const WASM = new Set(["application/vnd.wasm.content.layer.v1+wasm", "application/wasm"]);

const CONTAINER_CONFIGS = new Set([
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
]);

const SCHEMA_1 = new Set([
  "application/vnd.docker.distribution.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
]);

/** Layers that registries need not store, because their descriptors name URLs (image-spec, layer.md). */
const FOREIGN = new Set([
  "application/vnd.docker.image.rootfs.foreign.diff.tar",
  "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  "application/vnd.oci.image.layer.nondistributable.v1.tar",
  "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
]);

export type ManifestKind = "image" | "index";

const MANIFEST_KINDS: ReadonlyMap<string, ManifestKind> = new Map([
  [OCI_MANIFEST, "image"],
  [DOCKER_MANIFEST, "image"],
  [OCI_INDEX, "index"],
  [DOCKER_MANIFEST_LIST, "index"],
]);

/** Returns whether a media type is an image manifest or an index; undefined if it is neither. */
export function manifestKind(mediaType: string): ManifestKind | undefined {
  return MANIFEST_KINDS.get(mediaType);
}

/** True if blobs of this type are stored in `wasm/` rather than in `data/`. */
export function isWasm(mediaType: string): boolean {
  return WASM.has(mediaType);
}

/** True if this is the type of a container image's config (image-spec, config.md). */
export function isContainerConfig(mediaType: string): boolean {
  return CONTAINER_CONFIGS.has(mediaType);
}

/** True if layers of this type are foreign (non-distributable). */
export function isForeign(mediaType: string): boolean {
  return FOREIGN.has(mediaType);
}

/** True for Docker schema 1, which cannot be verified by digest and is rejected. */
export function isSchema1(mediaType: string): boolean {
  return SCHEMA_1.has(mediaType);
}

/** Returns a `Content-Type` header in lower case without its parameters. */
export function bareMediaType(header: string | null | undefined): string {
  return (header ?? "").split(";", 1)[0]!.trim().toLowerCase();
}
