import { join } from "node:path";
import { LarderError } from "../../base/errors.ts";
import { readBytesIfAny, statIfAny } from "../../base/files/files.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash.ts";
import { type ImageManifest, parseManifest, spinApplication } from "../../oci/manifest.ts";
import { isWasm, OCI_MANIFEST, SPIN_APPLICATION } from "../../oci/media_types.ts";
import type { SnapshotEntry } from "../../snapshot/types.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE } from "../../store/layout.ts";
import type { Document, EntryContent, StoredBlob } from "./entry_content.ts";
import { ANNOTATIONS } from "../layout_format.ts";

/** The config of an artifact that has none. Source: image-spec, manifest.md, "Guidance for an empty descriptor". */
const EMPTY_CONFIG = "application/vnd.oci.empty.v1+json";

const encoder = new TextEncoder();

/**
 * Returns an app that Spin pulled. Spin rewrites the manifest, and does not keep the config beside a locked app: the app
 * then gets a manifest without one. Either way, its digest is not that of the registry.
 *
 * @throws LarderError LDR_NOT_CACHED if something that it needs is missing; LDR_BAD_MANIFEST
 */
export function spinContent(layout: Layout, { name, folder }: SnapshotEntry): EntryContent {
  const bytes = readBytesIfAny(join(folder, MANIFEST_FILE));
  const written = bytes && parseManifest(bytes, name);
  if (written?.kind !== "image") throw notWhole(name, "its manifest");
  const lockedApp = spinApplication(written);
  const pathOf = (descriptor: Descriptor) =>
    descriptor === lockedApp
      ? existing(join(folder, CONFIG_FILE), descriptor)
      : blobPath(layout, descriptor);
  const documents: Document[] = [];
  const blobs = new Map<Digest, StoredBlob>();
  const add = (descriptor: Descriptor) => {
    const path = pathOf(descriptor);
    if (path === undefined) throw notWhole(name, descriptor.digest);
    blobs.set(descriptor.digest, { descriptor, path });
  };
  written.layers.forEach(add);
  const configPath = pathOf(written.config);
  const manifest = configPath === undefined ? withoutConfig(written) : written.bytes;
  if (configPath === undefined) documents.push(documentOf(encoder.encode("{}")));
  else add(written.config);
  const document = documentOf(manifest);
  documents.push(document);
  return {
    name,
    root: {
      mediaType: written.mediaType,
      digest: document.digest,
      size: manifest.length,
      annotations: { [ANNOTATIONS.refName]: name, [ANNOTATIONS.imageName]: name },
    },
    documents,
    blobs: [...blobs.values()],
  };
}

function documentOf(bytes: Uint8Array): Document {
  return { digest: digestOf(bytes), bytes };
}

/** Returns the path of a blob. Spin writes Wasm of media types that it does not know to `data/`. */
function blobPath(layout: Layout, descriptor: Descriptor): string | undefined {
  const own = existing(layout.blobOf(descriptor), descriptor);
  return own ??
    (isWasm(descriptor.mediaType)
      ? existing(layout.blob("data", descriptor.digest), descriptor)
      : undefined);
}

/** Returns a path if a file of this size is there: Spin may have been stopped while it wrote the file. */
function existing(path: string, { size }: Descriptor): string | undefined {
  const info = statIfAny(path);
  return info?.isFile && info.size === size ? path : undefined;
}

function withoutConfig({ layers, annotations }: ImageManifest): Uint8Array {
  const config = { mediaType: EMPTY_CONFIG, ...sizeAndDigest(encoder.encode("{}")) };
  return encoder.encode(JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: SPIN_APPLICATION,
    config,
    layers,
    annotations,
  }));
}

function sizeAndDigest(bytes: Uint8Array) {
  return { digest: digestOf(bytes), size: bytes.length };
}

function notWhole(name: string, what: string): LarderError {
  const message = `${name}, which Spin pulled, is not complete: ${what} is missing or damaged`;
  return new LarderError("LDR_NOT_CACHED", message, { hint: `larder pull ${name} completes it` });
}
