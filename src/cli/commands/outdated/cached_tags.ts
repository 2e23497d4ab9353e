import { join } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { readBytesIfAny } from "../../../base/files.ts";
import { isGlob } from "../../../base/glob.ts";
import { type ImageManifest, parseManifest } from "../../../oci/manifest.ts";
import { parseReference } from "../../../oci/reference.ts";
import { type CachedTag, checkTags, type TagState } from "../../../pull/outdated.ts";
import type { RegistryClient } from "../../../registry/client.ts";
import { isFromRegistry, type SnapshotEntry } from "../../../snapshot/types.ts";
import { MANIFEST_FILE } from "../../../store/layout.ts";
import type { Context } from "../../context.ts";
import { readCache } from "../../read_cache.ts";
import { selectEntries } from "../../entry_lookup.ts";
import { countProgress } from "../../terminal/progress.ts";

/** A cached tag with its state in the registry. */
export interface CheckedTag {
  readonly entry: SnapshotEntry;
  readonly tag: CachedTag;
  readonly state: TagState;
}

/**
 * Checks the cached tags with these names, or all of them, with their registries.
 * @throws LarderError LDR_USAGE with `--offline`; LDR_NOT_CACHED, LDR_INTERRUPTED
 */
export async function checkCachedTags(
  context: Context,
  client: RegistryClient,
  names: readonly string[],
): Promise<CheckedTag[]> {
  if (context.options.offline) throw needsRegistry();
  const { layout } = context;
  const snapshot = await readCache(context, Date.now());
  const entries = names.length > 0 ? selectEntries(snapshot, names) : snapshot.entries;
  const tagged = entries.flatMap((entry) => {
    const tag = tagOf(entry);
    if (!tag && names.some((name) => !isGlob(name))) reportSkipped(context, entry);
    return tag ? [{ entry, tag }] : [];
  });
  using progress = await countProgress(context, "tags checked");
  progress.addTotal(tagged.length);
  const states = await checkTags({ layout, client }, tagged.map(({ tag }) => tag), {
    onChecked: () => progress.advance(1),
    signal: context.interruptible(),
  });
  return tagged.map((each, i) => ({ ...each, state: states[i]! }));
}

/** Returns the tag to check; undefined for an entry that was pulled by digest or comes from no registry. */
function tagOf(entry: SnapshotEntry): CachedTag | undefined {
  const { type, name, record, folder } = entry;
  if (!isFromRegistry(type)) return undefined;
  try {
    const reference = parseReference(name);
    if (reference.digest) return undefined;
    return { reference, record, image: record ? undefined : readImage(folder) };
  } catch (error) {
    if (error instanceof LarderError && error.code === "LDR_BAD_REFERENCE") return undefined;
    throw error;
  }
}

/** Reads the manifest that Spin wrote. If it is missing, damaged or unreadable, the tag counts as moved. */
function readImage(folder: string): ImageManifest | undefined {
  try {
    const bytes = readBytesIfAny(join(folder, MANIFEST_FILE));
    const manifest = bytes && parseManifest(bytes, folder);
    return manifest?.kind === "image" ? manifest : undefined;
  } catch {
    return undefined;
  }
}

function reportSkipped(context: Context, { type, name }: SnapshotEntry): void {
  const why = isFromRegistry(type) ? "a digest cannot be outdated" : "it comes from no registry";
  context.info(`skipped ${name}: ${why}`);
}

function needsRegistry(): LarderError {
  return new LarderError("LDR_USAGE", "cannot check tags with --offline", {
    hint: "leave out --offline: only their registries know whether tags have moved",
  });
}

/** Fails if a tag could not be checked, because it may be outdated. @throws LarderError the first failure */
export function throwIfUnchecked(checked: readonly CheckedTag[]): void {
  const errors = checked.flatMap(({ state }) => state.state === "unknown" ? state.error : []);
  const [first] = errors;
  if (!first) return;
  const what = errors.length === 1 ? "a tag" : `${errors.length} of ${checked.length} tags`;
  throw new LarderError(first.code, `could not check ${what}: ${first.message}`, {
    hint: first.hint,
    cause: first,
  });
}
