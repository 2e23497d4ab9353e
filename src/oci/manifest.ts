import * as v from "valibot";
import { checkSchema } from "../base/documents/schema_fault.ts";
import { excerpt, hasCode, LarderError } from "../base/errors.ts";
import { isObject } from "../base/json.ts";
import { formatBytes } from "../base/units.ts";
import { digestMismatch } from "./content_verifier.ts";
import {
  AnnotationsSchema,
  type Descriptor,
  DescriptorSchema,
  maybe,
  type PlatformDescriptor,
  PlatformDescriptorSchema,
} from "./descriptor.ts";
import { algorithmOf, type Digest } from "./digest.ts";
import { digestOf } from "./hash.ts";
import {
  bareMediaType,
  isContainerConfig,
  isSchema1,
  isWasm,
  type ManifestKind,
  manifestKind,
  OCI_INDEX,
  OCI_MANIFEST,
  SPIN_APPLICATION,
} from "./media_types.ts";

/** 4 MiB limit on a manifest, which the distribution specification asks registries to support. */
export const MAX_MANIFEST = 4 * 1024 * 1024;

/** Levels of indexes that an index may contain. */
export const MAX_INDEX_DEPTH = 4;

interface ManifestBase {
  readonly mediaType: string;
  readonly digest: Digest;
  /** The bytes that the registry served: only these have the digest. */
  readonly bytes: Uint8Array;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The content for one platform: a config and layers. Source: image-spec, manifest.md. */
export interface ImageManifest extends ManifestBase {
  readonly kind: "image";
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** The manifests for several platforms. Source: image-spec, image-index.md. */
export interface IndexManifest extends ManifestBase {
  readonly kind: "index";
  readonly manifests: readonly PlatformDescriptor[];
}

export type Manifest = ImageManifest | IndexManifest;

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Programs in Go write 0 or nothing for a version, and `null` or nothing for a list, that they have not set. */
const SchemaVersion = v.nullish(v.picklist([2, 0]));
const ImageSchema = v.object({
  schemaVersion: SchemaVersion,
  config: DescriptorSchema,
  layers: maybe(v.array(DescriptorSchema)),
  annotations: maybe(AnnotationsSchema),
});
const IndexSchema = v.object({
  schemaVersion: SchemaVersion,
  manifests: maybe(v.array(PlatformDescriptorSchema)),
  annotations: maybe(AnnotationsSchema),
});

/**
 * Parses a manifest or index.
 *
 * @param subject the reference that it belongs to, for messages
 * @param contentType the `Content-Type` header, which is needed if the document has no `mediaType`
 * @param expected the digest that the bytes must have; without one, their SHA-256 becomes the digest
 * @throws LarderError LDR_DIGEST_MISMATCH; LDR_BAD_MANIFEST if it is malformed; LDR_UNSUPPORTED_MANIFEST if larder
 * cannot use it
 */
export function parseManifest(
  bytes: Uint8Array,
  subject: string,
  contentType?: string | null,
  expected?: Digest,
): Manifest {
  const digest = digestOf(bytes, expected && algorithmOf(expected));
  if (expected && digest !== expected) throw digestMismatch(expected, digest);
  return parseHashedManifest(bytes, digest, subject, contentType);
}

/**
 * Parses bytes that have already been hashed; otherwise like {@link parseManifest}.
 * @param digest the digest of `bytes`
 */
export function parseHashedManifest(
  bytes: Uint8Array,
  digest: Digest,
  subject: string,
  contentType?: string | null,
): Manifest {
  if (bytes.length > MAX_MANIFEST) throw manifestTooLarge(subject);
  const document = parseDocument(bytes, subject, contentType);
  const mediaType = mediaTypeOf(document, subject, contentType);
  const kind = manifestKind(mediaType);
  if (!kind) throw unsupported(subject, `its type is ${mediaType}`);
  requireOneKind(document, kind, subject);
  const base = { mediaType, digest, bytes };
  const bad = (fault: string) => malformed(subject, fault);
  if (kind === "image") {
    const { config, layers, annotations } = checkSchema(ImageSchema, document, bad);
    return { kind, ...base, config, layers: layers ?? [], annotations: annotations ?? {} };
  }
  const { manifests, annotations } = checkSchema(IndexSchema, document, bad);
  return { kind, ...base, manifests: manifests ?? [], annotations: annotations ?? {} };
}

/** Returns the error for a manifest over the limit, which the registry client throws before it has read all of it. */
export function manifestTooLarge(subject: string): LarderError {
  return new LarderError(
    "LDR_BAD_MANIFEST",
    `the manifest of ${subject} is larger than ${formatBytes(MAX_MANIFEST)}`,
    {
      hint:
        "registries need not accept manifests of this size: ask the publisher for a smaller one",
    },
  );
}

/** Returns what a manifest refers to: the config and layers of an image, or the manifests of an index. */
export function successors(manifest: Manifest): readonly Descriptor[] {
  return manifest.kind === "image" ? [manifest.config, ...manifest.layers] : manifest.manifests;
}

/** Returns the layer that is Spin's locked app, if there is one (Spin 2.0 and later). */
export function spinApplicationLayer(manifest: ImageManifest): Descriptor | undefined {
  return manifest.layers.find((layer) => layer.mediaType === SPIN_APPLICATION);
}

/** Returns Spin's locked app: a layer or, before Spin 2.0, the config. Undefined if the image is not a Spin app. */
export function spinApplication(manifest: ImageManifest): Descriptor | undefined {
  const { config } = manifest;
  return spinApplicationLayer(manifest) ??
    (config.mediaType === SPIN_APPLICATION ? config : undefined);
}

/** What users call the content of a manifest: a Spin app or Wasm, a container image, or anything else. */
export type ArtifactKind = "app" | "image" | "artifact";

/** Returns the kind of a manifest's content, which its media types tell. */
export function artifactKind(manifest: ImageManifest): ArtifactKind {
  if (spinApplication(manifest) || manifest.layers.some((layer) => isWasm(layer.mediaType))) {
    return "app";
  }
  return isContainerConfig(manifest.config.mediaType) ? "image" : "artifact";
}

/** True if two manifests are of the same content: Spin rewrites a manifest, which changes its bytes and digest. */
export function isSameImage(one: ImageManifest, other: ImageManifest): boolean {
  return one.config.digest === other.config.digest && one.layers.length === other.layers.length &&
    one.layers.every(({ digest }, i) => digest === other.layers[i]!.digest);
}

/** True if bytes are Spin's form of a manifest: other bytes, with the same content. */
export function isRewritten(bytes: Uint8Array, own: ImageManifest): boolean {
  try {
    const manifest = parseHashedManifest(bytes, own.digest, own.digest);
    return manifest.kind === "image" && isSameImage(manifest, own);
  } catch (error) {
    if (hasCode(error, "LDR_BAD_MANIFEST", "LDR_UNSUPPORTED_MANIFEST")) return false;
    throw error;
  }
}

/** Returns what Spin and larder store as `config.json`: the locked app if there is one, otherwise the config. */
export function configOf(manifest: ImageManifest): Descriptor {
  return spinApplicationLayer(manifest) ?? manifest.config;
}

function parseDocument(
  bytes: Uint8Array,
  subject: string,
  contentType: string | null | undefined,
): Record<string, unknown> {
  try {
    const document = JSON.parse(decoder.decode(bytes));
    if (isObject(document)) return document;
  } catch {
    // Reported below.
  }
  const type = bareMediaType(contentType);
  const reason = `it is not a JSON object${type ? ` (sent as ${type})` : ""}`;
  throw malformed(subject, reason, isWebPage(bytes) ? WEB_PAGE_HINT : undefined);
}

const WEB_PAGE_HINT =
  "check that the address is that of a registry, not of a web page, a proxy or a login page";

/** True if a body begins as HTML does. */
function isWebPage(bytes: Uint8Array): boolean {
  const start = new TextDecoder().decode(bytes.subarray(0, 256));
  return /^\s*<(?:!doctype html|html|head|body|!--|\?xml)/i.test(start);
}

/**
 * Refuses a document with members of both kinds, because two clients could each read a different half of it as the
 * content (GHSA-77vh-xpmg-72qh).
 */
function requireOneKind(
  document: Record<string, unknown>,
  kind: ManifestKind,
  subject: string,
): void {
  const has = (member: string) => (document[member] ?? null) !== null;
  if (has("layers") && has("manifests")) {
    throw malformed(subject, "it has both layers and manifests");
  }
  const others = kind === "image" ? ["manifests"] : ["layers", "config"];
  const other = others.find(has);
  if (other) throw malformed(subject, `it has ${other}, but its type is that of an ${kind}`);
}

/** Returns the `mediaType` of the document, else that of the header, else one for its members (image-spec: SHOULD). */
function mediaTypeOf(
  document: Record<string, unknown>,
  subject: string,
  contentType: string | null | undefined,
): string {
  const header = bareMediaType(contentType);
  if (document.schemaVersion === 1 || isSchema1(header)) {
    throw unsupported(subject, "it is Docker schema 1, which cannot be verified by digest");
  }
  const { mediaType } = document;
  if (typeof mediaType === "string" && mediaType !== "") {
    if (manifestKind(mediaType) && manifestKind(header) && mediaType !== header) {
      throw malformed(subject, `its mediaType is ${mediaType}, but its Content-Type is ${header}`);
    }
    return mediaType;
  }
  if (manifestKind(header)) return header;
  if (document.config ?? document.layers) return OCI_MANIFEST;
  if ("manifests" in document) return OCI_INDEX;
  throw malformed(subject, "it has neither layers nor manifests");
}

function malformed(
  subject: string,
  reason: string,
  hint = "ask its publisher to push it again",
): LarderError {
  return new LarderError("LDR_BAD_MANIFEST", `bad manifest of ${subject}: ${excerpt(reason)}`, {
    hint,
  });
}

function unsupported(subject: string, reason: string): LarderError {
  return new LarderError("LDR_UNSUPPORTED_MANIFEST", `cannot use ${subject}: ${excerpt(reason)}`, {
    hint: "push it again as an OCI or Docker schema 2 manifest or index",
  });
}
