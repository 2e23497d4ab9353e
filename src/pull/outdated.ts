import { mapLimit } from "../base/concurrency.ts";
import { type ErrorCode, hasCode, LarderError } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { ImageManifest, Manifest } from "../oci/manifest.ts";
import { formatReference, type Reference } from "../oci/reference.ts";
import type { RegistryClient, Repository } from "../registry/client.ts";
import { BlobStore } from "../store/blobs/blob_store.ts";
import { ImageParts } from "../store/image_parts.ts";
import type { Layout } from "../store/layout.ts";
import type { EntryRecord } from "../store/entries/app_record.ts";
import { ManifestStore } from "../store/manifest_store.ts";
import { selectImages, type Selection } from "./select_platforms.ts";

/** Questions that one registry is asked at once about the tags that are cached … */
export const TAG_CHECKS = 8;

/** … and registries that are asked at once. */
export const REGISTRIES = 8;

/** A tag that is cached, and what it stood for when it was pulled. */
export interface CachedTag {
  readonly reference: Reference;
  /** Of what larder pulled. */
  readonly record: EntryRecord | undefined;
  /** Of what Spin pulled, which wrote down no digest. */
  readonly image: ImageManifest | undefined;
}

/** What a registry has to say of a cached tag. */
export type TagState =
  | { readonly state: "current" }
  | Behind
  /** The registry has no such tag. */
  | { readonly state: "gone" }
  /** It could not be asked. */
  | { readonly state: "unknown"; readonly error: LarderError };

/** The tag stands for something else by now. */
export interface Behind {
  readonly state: "behind";
  readonly digest: Digest;
  /** When that was made, as its publisher says (image-spec, annotations.md). */
  readonly created: string | undefined;
  /** Bytes of its content that are not in the cache; undefined where that cannot be told. */
  readonly bytes: number | undefined;
  /** Why a pull of it would fail, as far as is known. */
  readonly problem: LarderError | undefined;
}

export interface OutdatedDependencies {
  readonly layout: Layout;
  readonly client: RegistryClient;
}

export interface OutdatedOptions {
  /** Told of each answer as it comes. */
  readonly onAnswer?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Who fails so does not answer the next question either. */
const NO_ANSWER: readonly ErrorCode[] = [
  "LDR_UNREACHABLE",
  "LDR_DNS",
  "LDR_TIMEOUT",
  "LDR_TLS",
  "LDR_RATE_LIMITED",
];

/**
 * Asks the registries what cached tags stand for by now: a `HEAD` for each, and the manifests of those that moved.
 * Registries are asked at the same time, each of them several questions; one that does not answer is left alone from
 * then on.
 *
 * @returns an answer for each tag, in their order
 * @throws LarderError LDR_INTERRUPTED
 */
export async function checkTags(
  deps: OutdatedDependencies,
  tags: readonly CachedTag[],
  { onAnswer, signal }: OutdatedOptions = {},
): Promise<TagState[]> {
  const answers = new Map<CachedTag, TagState>();
  const registries = [...Map.groupBy(tags, ({ reference }) => reference.registry)];
  await mapLimit(registries, REGISTRIES, async ([registry, its], joined) => {
    let silence: LarderError | undefined;
    await mapLimit(its, TAG_CHECKS, async (tag, signal) => {
      const answer = silence ? unasked(registry, silence) : await checkTag(deps, tag, signal);
      if (answer.state === "unknown" && hasCode(answer.error, ...NO_ANSWER)) {
        silence ??= answer.error;
      }
      answers.set(tag, answer);
      onAnswer?.();
    }, joined);
  }, signal);
  return tags.map((tag) => answers.get(tag)!);
}

function unasked(registry: string, { code, message, hint }: LarderError): TagState {
  const text = `not asked, since ${registry} did not answer before: ${message}`;
  return { state: "unknown", error: new LarderError(code, text, { hint }) };
}

/** Asks a registry about one tag. */
async function checkTag(
  deps: OutdatedDependencies,
  tag: CachedTag,
  signal: AbortSignal,
): Promise<TagState> {
  const { reference, record, image } = tag;
  const repository = deps.client.repository(reference);
  const known = record?.digest ?? image?.digest;
  try {
    const head = await repository.head(reference.tag!, signal);
    if (head !== undefined && head === known) return { state: "current" };
    const top = await repository.manifest(reference.tag!, signal);
    if (top.digest === known) return { state: "current" };
    return await new Comparison(deps.layout, tag, repository, signal).compare(top);
  } catch (error) {
    if (hasCode(error, "LDR_NOT_FOUND")) return { state: "gone" };
    return { state: "unknown", error: answerOf(error) };
  }
}

/** Finds out what the difference between a cached tag and what it stands for by now amounts to. */
class Comparison {
  readonly #tag: CachedTag;
  readonly #repository: Repository;
  readonly #signal: AbortSignal;
  readonly #manifests: ManifestStore;
  readonly #parts: ImageParts;

  constructor(layout: Layout, tag: CachedTag, repository: Repository, signal: AbortSignal) {
    this.#tag = tag;
    this.#repository = repository;
    this.#signal = signal;
    this.#manifests = new ManifestStore(layout);
    const { reference, record } = tag;
    const options = { foreign: record?.foreign };
    this.#parts = new ImageParts(new BlobStore(layout), this.#manifests, reference, options);
  }

  async compare(top: Manifest): Promise<TagState> {
    let selection: Selection;
    try {
      selection = await this.#select(top);
    } catch (error) {
      return await this.#behind(top, undefined, answerOf(error));
    }
    if (isSame(selection.chosen, this.#tag.image)) return { state: "current" };
    return await this.#behind(top, selection, undefined);
  }

  async #behind(
    top: Manifest,
    selection: Selection | undefined,
    problem: LarderError | undefined,
  ): Promise<Behind> {
    const missing = selection && await this.#parts.missing(selection);
    return {
      state: "behind",
      digest: top.digest,
      created: createdAt(top) ?? (selection && createdAt(selection.chosen)),
      bytes: missing?.reduce((sum, { descriptor }) => sum + descriptor.size, 0),
      problem,
    };
  }

  async #select(top: Manifest): Promise<Selection> {
    const { reference, record } = this.#tag;
    const { platform, allPlatforms } = record ?? {};
    const load = async (child: Digest) =>
      await this.#manifests.manifest(reference, child) ??
        await this.#repository.manifest(child, this.#signal);
    const name = formatReference(reference);
    return (await selectImages(top, { platform, allPlatforms }, name, load))!;
  }
}

/** An error that says something of one tag; any other is thrown. */
function answerOf(error: unknown): LarderError {
  if (hasCode(error, "LDR_INTERRUPTED") || !(error instanceof LarderError)) throw error;
  return error;
}

/** Whether Spin's manifest, of which Spin keeps no more than what it means, is that of an image. */
function isSame(image: ImageManifest, spins: ImageManifest | undefined): boolean {
  if (!spins || spins.config.digest !== image.config.digest) return false;
  return spins.layers.length === image.layers.length &&
    spins.layers.every(({ digest }, i) => digest === image.layers[i]!.digest);
}

function createdAt({ annotations }: Manifest): string | undefined {
  const text = annotations["org.opencontainers.image.created"];
  return text !== undefined && !Number.isNaN(Date.parse(text)) ? text : undefined;
}
