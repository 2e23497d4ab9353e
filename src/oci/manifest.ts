import * as v from "valibot";
import { excerpt, LarderError } from "../base/errors.ts";
import { formatBytes } from "../base/units.ts";
import { digestMismatch } from "./content_verifier.ts";
import {
  type Descriptor,
  DescriptorSchema,
  type PlatformDescriptor,
  PlatformDescriptorSchema,
} from "./descriptor.ts";
import { algorithmOf, type Digest } from "./digest.ts";
import { digestOf } from "./hash.ts";
import {
  bareMediaType,
  isSchema1,
  manifestKind,
  OCI_INDEX,
  OCI_MANIFEST,
  SPIN_APPLICATION,
} from "./media_types.ts";

/** The largest manifest accepted: the limit that the distribution specification names for registries. */
export const MAX_MANIFEST = 4 * 1024 * 1024;

/** How deep an index may nest other indexes. */
export const MAX_INDEX_DEPTH = 4;

interface ManifestBase {
  readonly mediaType: string;
  readonly digest: Digest;
  /** The registry's own bytes: only these have the digest. */
  readonly bytes: Uint8Array;
  readonly annotations: Readonly<Record<string, string>>;
}

/** One platform's content: a config and layers. Source: image-spec, manifest.md. */
export interface ImageManifest extends ManifestBase {
  readonly kind: "image";
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** Several platforms' manifests. Source: image-spec, image-index.md. */
export interface IndexManifest extends ManifestBase {
  readonly kind: "index";
  readonly manifests: readonly PlatformDescriptor[];
}

export type Manifest = ImageManifest | IndexManifest;

const decoder = new TextDecoder("utf-8", { fatal: true });

const Annotations = v.nullish(v.record(v.string(), v.string()));
const ImageSchema = v.object({
  schemaVersion: v.literal(2),
  config: DescriptorSchema,
  layers: v.array(DescriptorSchema),
  annotations: Annotations,
});
const IndexSchema = v.object({
  schemaVersion: v.literal(2),
  manifests: v.array(PlatformDescriptorSchema),
  annotations: Annotations,
});

/**
 * Reads a manifest or index.
 *
 * @param subject what it is the manifest of, for messages
 * @param contentType the registry's `Content-Type`, needed where the document does not name its own type
 * @param expected the digest that the bytes must have; without one their SHA-256 is taken
 * @throws LarderError LDR_DIGEST_MISMATCH, LDR_BAD_MANIFEST (not one), LDR_UNSUPPORTED_MANIFEST (one that larder
 * cannot use)
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
 * Reads a manifest or index whose bytes have been hashed; otherwise as {@link parseManifest}.
 * @param digest that of the bytes
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
  if ("layers" in document && "manifests" in document) {
    // Two readers could each take the other half for the content (GHSA-77vh-xpmg-72qh).
    throw malformed(subject, "it has both layers and manifests");
  }
  const base = { mediaType, digest, bytes };
  if (kind === "image") {
    const { config, layers, annotations } = check(ImageSchema, document, subject);
    return { kind, ...base, config, layers, annotations: annotations ?? {} };
  }
  const { manifests, annotations } = check(IndexSchema, document, subject);
  return { kind, ...base, manifests, annotations: annotations ?? {} };
}

/** The error for a manifest over the limit, which the registry client also throws before it has read it all. */
export function manifestTooLarge(subject: string): LarderError {
  return new LarderError(
    "LDR_BAD_MANIFEST",
    `the manifest of ${subject} is larger than ${formatBytes(MAX_MANIFEST)}`,
    { hint: "no registry need serve such a manifest: ask its publisher to make it smaller" },
  );
}

/** What a manifest points at: the config and layers of an image, the manifests of an index. */
export function successors(manifest: Manifest): readonly Descriptor[] {
  return manifest.kind === "image" ? [manifest.config, ...manifest.layers] : manifest.manifests;
}

/** The layer that is Spin's locked app, where the manifest has one (Spin 2.0 and later). */
export function spinApplicationLayer(manifest: ImageManifest): Descriptor | undefined {
  return manifest.layers.find((layer) => layer.mediaType === SPIN_APPLICATION);
}

/** Spin's locked app, a layer or, before Spin 2.0, the config; undefined for what is no Spin application. */
export function spinApplication(manifest: ImageManifest): Descriptor | undefined {
  const { config } = manifest;
  return spinApplicationLayer(manifest) ??
    (config.mediaType === SPIN_APPLICATION ? config : undefined);
}

/** What Spin, and so larder, keeps as an image's `config.json`: its locked app, or else its config. */
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
    if (typeof document === "object" && document !== null && !Array.isArray(document)) {
      return document;
    }
  } catch {
    // Said below.
  }
  const type = bareMediaType(contentType);
  throw malformed(subject, `it is not a JSON object${type ? ` (the server sent ${type})` : ""}`);
}

/** The document's own word, then the header's, then its shape (image-spec: `mediaType` SHOULD be there). */
function mediaTypeOf(
  document: Record<string, unknown>,
  subject: string,
  contentType: string | null | undefined,
): string {
  const header = bareMediaType(contentType);
  if (document.schemaVersion === 1 || isSchema1(header)) {
    throw unsupported(subject, "it is Docker's schema 1, which has no verifiable layers");
  }
  const own = document.mediaType;
  if (typeof own === "string") {
    if (manifestKind(own) && manifestKind(header) && own !== header) {
      throw malformed(subject, `it says ${own}, but the registry says ${header}`);
    }
    return own;
  }
  if (manifestKind(header)) return header;
  if ("config" in document && "layers" in document) return OCI_MANIFEST;
  if ("manifests" in document) return OCI_INDEX;
  throw malformed(subject, "it has neither layers nor manifests");
}

function check<T extends v.GenericSchema>(
  schema: T,
  document: unknown,
  subject: string,
): v.InferOutput<T> {
  const result = v.safeParse(schema, document, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw malformed(subject, `${v.getDotPath(issue) ?? "document"}: ${issue.message}`);
}

function malformed(subject: string, reason: string): LarderError {
  return new LarderError("LDR_BAD_MANIFEST", `bad manifest of ${subject}: ${excerpt(reason)}`, {
    hint: "check that the address is a registry's and not a web page's, a proxy's or a login's",
  });
}

function unsupported(subject: string, reason: string): LarderError {
  return new LarderError("LDR_UNSUPPORTED_MANIFEST", `cannot use ${subject}: ${excerpt(reason)}`, {
    hint:
      "larder takes OCI and Docker schema 2 manifests and indexes: push it again in one of these",
  });
}
