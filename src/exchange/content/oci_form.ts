import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash.ts";
import type { ImageManifest } from "../../oci/manifest.ts";
import { DOCKER_MANIFEST, OCI_MANIFEST } from "../../oci/media_types.ts";

/** Docker's media types in a manifest, and OCI's for the same content. Source: image-spec, media-types.md. */
const OCI_TYPES: ReadonlyMap<string, string> = new Map([
  [
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.oci.image.config.v1+json",
  ],
  ...[["", ""], [".gzip", "+gzip"], [".zstd", "+zstd"]].flatMap(([docker, oci]) =>
    [
      [
        `application/vnd.docker.image.rootfs.diff.tar${docker}`,
        `application/vnd.oci.image.layer.v1.tar${oci}`,
      ],
      [
        `application/vnd.docker.image.rootfs.foreign.diff.tar${docker}`,
        `application/vnd.oci.image.layer.nondistributable.v1.tar${oci}`,
      ],
    ] as const
  ),
]);

export interface OciForm {
  readonly mediaType: typeof OCI_MANIFEST;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/**
 * Returns a Docker manifest in OCI's form, with the same config and layers; undefined for any other manifest.
 *
 * umoci, and skopeo if it is given a name, refuse a Docker manifest in an OCI image layout: "unsupported manifest MIME
 * types", `getManifestDescriptor` of containers/image.
 */
export function ociForm({ mediaType, config, layers }: ImageManifest): OciForm | undefined {
  if (mediaType !== DOCKER_MANIFEST) return undefined;
  const descriptors: Descriptor[] = [];
  for (const descriptor of [config, ...layers]) {
    const type = OCI_TYPES.get(descriptor.mediaType);
    if (!type) return undefined;
    descriptors.push({ ...descriptor, mediaType: type });
  }
  const [first, ...rest] = descriptors;
  const document = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: first, layers: rest };
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  return { mediaType: OCI_MANIFEST, digest: digestOf(bytes), bytes };
}
