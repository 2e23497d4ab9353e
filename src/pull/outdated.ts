import { mapLimit } from "../base/concurrency.ts";
import { hasCode, LarderError } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { type ImageManifest, isSameImage, type Manifest } from "../oci/manifest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import type { RegistryClient } from "../registry/client.ts";
import { BlobStore } from "../store/blobs/blob_store.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import { ImageParts } from "../store/image_parts.ts";
import type { Layout } from "../store/layout.ts";
import { ManifestStore } from "../store/manifest_store.ts";
import { type ManifestSource, selectFromRegistry, type Selection } from "./select_platforms.ts";

/** Parallel checks of tags in one registry. */
export const TAG_CHECKS = 8;

/** Registries that are asked in parallel. */
const REGISTRIES = 8;

/** A tag and the content that it had when it was pulled, or locked. */
export interface KnownTag {
  readonly reference: Reference;
  /** The record, if larder pulled it. */
  readonly record: EntryRecord | undefined;
  /** The manifest, if Spin pulled it, since Spin records no digest. */
  readonly image: ImageManifest | undefined;
  /** The digest in a lock file, which takes the place of those. */
  readonly locked?: Digest;
}

/** The state of a tag in its registry. */
export type TagState =
  | { readonly state: "current" }
  | Behind
  /** The registry has no such tag. */
  | { readonly state: "gone" }
  /** The registry did not answer, or its answer was of no use. */
  | { readonly state: "unknown"; readonly error: LarderError };

/** The tag names other content now. */
export interface Behind {
  readonly state: "behind";
  readonly digest: Digest;
  /** The time at which the new content was created, according to its publisher (image-spec, annotations.md). */
  readonly created: string | undefined;
  /** Bytes of the new content that are not cached; undefined if unknown. */
  readonly bytes: number | undefined;
  /** The reason that a pull of the new content would fail, if known. */
  readonly problem: LarderError | undefined;
}

export interface OutdatedDependencies {
  readonly layout: Layout;
  readonly client: RegistryClient;
}

export interface OutdatedOptions {
  /** Called after each tag. */
  readonly onChecked?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks the registries about tags: one `HEAD` request for each, and the manifests of those that moved.
 * Registries are asked in parallel; the transport does not ask one that stays ill about its other tags.
 *
 * @returns the states, in the order of `tags`
 * @throws LarderError LDR_INTERRUPTED
 */
export async function checkTags(
  deps: OutdatedDependencies,
  tags: readonly KnownTag[],
  { onChecked, signal }: OutdatedOptions = {},
): Promise<TagState[]> {
  const states = new Map<KnownTag, TagState>();
  const registries = [...Map.groupBy(tags, ({ reference }) => reference.registry)];
  await mapLimit(registries, REGISTRIES, async ([, tagsOfRegistry], joined) => {
    await mapLimit(tagsOfRegistry, TAG_CHECKS, async (tag, signal) => {
      states.set(tag, await checkTag(deps, tag, signal));
      onChecked?.();
    }, joined);
  }, signal);
  return tags.map((tag) => states.get(tag)!);
}

async function checkTag(
  { layout, client }: OutdatedDependencies,
  tag: KnownTag,
  signal: AbortSignal,
): Promise<TagState> {
  const { reference, record, image, locked } = tag;
  const repository = client.repository(reference);
  const known = locked ?? record?.digest ?? image?.digest;
  try {
    const head = await repository.head(reference.tag!, signal);
    if (head !== undefined && head === known) return { state: "current" };
    const top = await repository.manifest(reference.tag!, signal);
    if (top.digest === known) return { state: "current" };
    const name = formatReference(reference);
    const source = { reference, name, manifests: new ManifestStore(layout), repository };
    return await compare(layout, source, tag, top, signal);
  } catch (error) {
    if (hasCode(error, "LDR_NOT_FOUND")) return { state: "gone" };
    return { state: "unknown", error: failureOf(error) };
  }
}

/** Compares a known tag with the manifest or index that it names now. */
async function compare(
  layout: Layout,
  source: ManifestSource,
  { record, image }: KnownTag,
  top: Manifest,
  signal: AbortSignal,
): Promise<TagState> {
  const { platform, allPlatforms, foreign } = record ?? {};
  let selection: Selection | undefined;
  let problem: LarderError | undefined;
  try {
    selection = await selectFromRegistry(source, top, { platform, allPlatforms, signal });
  } catch (error) {
    problem = failureOf(error);
  }
  if (image && selection && isSameImage(selection.chosen, image)) return { state: "current" };
  const blobs = new BlobStore(layout);
  const parts = new ImageParts(blobs, source.manifests, source.reference, { foreign });
  const missing = selection && await parts.missing(selection);
  return {
    state: "behind",
    digest: top.digest,
    created: createdAt(top) ?? (selection && createdAt(selection.chosen)),
    bytes: missing?.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
    problem,
  };
}

/** Returns the error of one tag. @throws any other error, and LDR_INTERRUPTED */
function failureOf(error: unknown): LarderError {
  if (hasCode(error, "LDR_INTERRUPTED") || !(error instanceof LarderError)) throw error;
  return error;
}

function createdAt({ annotations }: Manifest): string | undefined {
  const text = annotations["org.opencontainers.image.created"];
  return text !== undefined && !Number.isNaN(Date.parse(text)) ? text : undefined;
}
