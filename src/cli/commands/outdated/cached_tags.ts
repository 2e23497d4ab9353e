import { join } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { readBytesIfAny } from "../../../base/files.ts";
import { isGlob } from "../../../base/glob.ts";
import { takeSnapshot } from "../../../snapshot/snapshot.ts";
import { isFromRegistry, type SnapshotEntry } from "../../../snapshot/types.ts";
import { type ImageManifest, parseManifest } from "../../../oci/manifest.ts";
import { parseReference } from "../../../oci/reference.ts";
import { type CachedTag, checkTags, type TagState } from "../../../pull/outdated.ts";
import type { RegistryClient } from "../../../registry/client.ts";
import { MANIFEST_FILE } from "../../../store/layout.ts";
import type { Context } from "../../context.ts";
import { selectEntries } from "../../entry_lookup.ts";
import { countingGauge } from "../../terminal/progress.ts";

/** A cached tag, and what its registry has to say of it. */
export interface CheckedTag {
  readonly entry: SnapshotEntry;
  readonly tag: CachedTag;
  readonly state: TagState;
}

/**
 * Asks the registries about the cached tags with these names, or about all of them.
 * @throws LarderError LDR_USAGE with `--offline`; LDR_NOT_CACHED, LDR_INTERRUPTED
 */
export async function checkCachedTags(
  context: Context,
  client: RegistryClient,
  names: readonly string[],
): Promise<CheckedTag[]> {
  if (context.options.offline) throw asksRegistries();
  const { layout } = context;
  const snapshot = await takeSnapshot(layout, Date.now());
  const entries = names.length > 0 ? selectEntries(snapshot, names) : snapshot.entries;
  const tagged = entries.flatMap((entry) => {
    const tag = tagOf(entry);
    if (!tag && names.some((name) => !isGlob(name))) sayFixed(context, entry);
    return tag ? [{ entry, tag }] : [];
  });
  using gauge = await countingGauge(context, "tags asked about");
  gauge.grow(tagged.length);
  const states = await checkTags({ layout, client }, tagged.map(({ tag }) => tag), {
    onChecked: () => gauge.advance(1),
    signal: context.interruptible(),
  });
  return tagged.map((each, i) => ({ ...each, state: states[i]! }));
}

/** What an entry has to be compared with; undefined for what no registry is asked about. */
function tagOf(entry: SnapshotEntry): CachedTag | undefined {
  const { type, name, record, folder } = entry;
  if (!isFromRegistry(type)) return undefined;
  try {
    const reference = parseReference(name);
    if (reference.digest) return undefined;
    return { reference, record, image: record ? undefined : imageIn(folder) };
  } catch (error) {
    if (error instanceof LarderError && error.code === "LDR_BAD_REFERENCE") return undefined;
    throw error;
  }
}

/** The manifest that Spin wrote down; undefined if it is missing or damaged, and then the tag counts as moved. */
function imageIn(folder: string): ImageManifest | undefined {
  const bytes = readBytesIfAny(join(folder, MANIFEST_FILE));
  try {
    const manifest = bytes && parseManifest(bytes, folder);
    return manifest?.kind === "image" ? manifest : undefined;
  } catch {
    return undefined;
  }
}

function sayFixed(context: Context, { type, name }: SnapshotEntry): void {
  const what = isFromRegistry(type) ? "is fixed by its digest" : "comes from no registry";
  context.info(`${name} ${what}: there is nothing to ask about it`);
}

function asksRegistries(): LarderError {
  return new LarderError("LDR_USAGE", "what is out of date only the registries know", {
    hint: "leave --offline out; larder list -v says when each copy was last used",
  });
}

/** Ends a command that could not ask about every tag: what is unknown is not current. @throws LarderError */
export function couldNotAsk(checked: readonly CheckedTag[]): void {
  const errors = checked.flatMap(({ state }) => state.state === "unknown" ? state.error : []);
  const [first] = errors;
  if (!first) return;
  const many = `${errors.length} of ${checked.length} tags`;
  const what = errors.length === 1 ? "a tag" : many;
  throw new LarderError(first.code, `${what} could not be asked about: ${first.message}`, {
    hint: first.hint,
    cause: first,
  });
}
