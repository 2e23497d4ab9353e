/** Media types, and what larder makes of them. Sources: OCI image-spec media-types.md, Docker image manifest v2
 * schema 2, the Wasm OCI artifact layout, and what Spin writes. */

export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

/** What a registry is told that larder understands, best first. */
export const MANIFEST_ACCEPT = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST]
  .join(
    ", ",
  );

/** Spin's locked app: a layer since Spin 2.0, the manifest's config before. */
export const SPIN_APPLICATION = "application/vnd.fermyon.spin.application.v1+config";

/** Spin's archive of static files. */
export const SPIN_ARCHIVE = "application/vnd.wasm.content.bundle.v1.tar+gzip";

const WASM = new Set(["application/vnd.wasm.content.layer.v1+wasm", "application/wasm"]);

const SCHEMA_1 = new Set([
  "application/vnd.docker.distribution.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
]);

/** Layers that registries need not hold: their descriptors name URLs instead (image-spec, layer.md). */
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

/** Whether a media type is an image manifest, an index, or neither. */
export function manifestKind(mediaType: string): ManifestKind | undefined {
  return MANIFEST_KINDS.get(mediaType);
}

/** Whether a blob of this type belongs in `wasm/` rather than in `data/`. */
export function isWasm(mediaType: string): boolean {
  return WASM.has(mediaType);
}

/** Whether a layer of this type is foreign (non-distributable). */
export function isForeign(mediaType: string): boolean {
  return FOREIGN.has(mediaType);
}

/** Whether this is Docker's schema 1, which cannot be verified by digest and is refused. */
export function isSchema1(mediaType: string): boolean {
  return SCHEMA_1.has(mediaType);
}

/** A `Content-Type` header without its parameters, in lower case. */
export function bareMediaType(header: string | null | undefined): string {
  return (header ?? "").split(";", 1)[0]!.trim().toLowerCase();
}
