import { join } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { readBytesIfAny } from "../../../base/files/files.ts";
import { isGlob } from "../../../base/glob.ts";
import { type ImageManifest, parseManifest } from "../../../oci/manifest.ts";
import type { Digest } from "../../../oci/digest.ts";
import { isLocal, parseReference } from "../../../oci/reference.ts";
import { checkTags, type KnownTag, type TagState } from "../../../pull/outdated.ts";
import type { RegistryClient } from "../../../registry/client.ts";
import {
  type CacheSnapshot,
  isFromRegistry,
  isInNoRegistry,
  type SnapshotEntry,
} from "../../../snapshot/types.ts";
import { matchesName } from "../../../store/entry_names.ts";
import { MANIFEST_FILE } from "../../../store/layout.ts";
import type { Context } from "../../context.ts";
import { readCache } from "../../read_cache.ts";
import { selectEntries } from "../../entry_lookup.ts";
import type { Lock } from "../../lock/format.ts";
import { countProgress } from "../../terminal/progress.ts";

/** A tag with its state in the registry. */
export interface CheckedTag extends TagToCheck {
  readonly state: TagState;
}

/** A tag that is cached or locked. */
interface TagToCheck {
  readonly name: string;
  /** The digest that is cached or locked; undefined for a damaged entry. */
  readonly digest: Digest | undefined;
  /** Milliseconds since the epoch; undefined if it is locked. */
  readonly createdAt: number | undefined;
  readonly tag: KnownTag;
}

/**
 * Checks the cached tags with these names, or all of them, with their registries.
 * @param lock the lock file whose references are checked too, before the cached tags
 * @throws LarderError LDR_USAGE with `--offline`; LDR_NOT_CACHED, LDR_INTERRUPTED
 */
export async function checkCachedTags(
  context: Context,
  client: RegistryClient,
  names: readonly string[],
  lock?: Lock,
): Promise<CheckedTag[]> {
  if (context.options.offline) throw needsRegistry();
  const { layout } = context;
  const snapshot = await readCache(context, Date.now());
  const locked = lockedTags(lock).filter(({ name }) =>
    names.length === 0 || names.some((text) => matchesName(text, name))
  );
  const entries = names.length === 0 ? snapshot.entries : entriesNamed(snapshot, names, locked);
  const tagged: TagToCheck[] = [
    ...locked,
    ...entries.flatMap((entry) => {
      const tag = tagOf(entry);
      if (!tag && names.some((name) => !isGlob(name))) reportSkipped(context, entry);
      const { name, digest, createdAt } = entry;
      return tag ? [{ name, digest, createdAt, tag }] : [];
    }),
  ];
  using progress = await countProgress(context, "tags checked");
  progress.addTotal(tagged.length);
  const states = await checkTags({ layout, client }, tagged.map(({ tag }) => tag), {
    onChecked: () => progress.advance(1),
    signal: context.interruptible(),
  });
  return tagged.map((each, i) => ({ ...each, state: states[i]! }));
}

/** Returns the cached entries with these names. A name that is locked need not be cached. */
function entriesNamed(
  snapshot: CacheSnapshot,
  names: readonly string[],
  locked: readonly TagToCheck[],
): SnapshotEntry[] {
  const isLocked = (text: string) => locked.some(({ name }) => matchesName(text, name));
  const selected = new Set([
    ...selectEntries(snapshot, names.filter((text) => !isLocked(text))),
    ...snapshot.entries.filter(({ name }) =>
      names.some((text) => isLocked(text) && matchesName(text, name))
    ),
  ]);
  return snapshot.entries.filter((entry) => selected.has(entry));
}

function lockedTags(lock: Lock | undefined): TagToCheck[] {
  return [...lock?.references ?? []].map(([name, digest]) => ({
    name,
    digest,
    createdAt: undefined,
    tag: { reference: parseReference(name), record: undefined, image: undefined, locked: digest },
  }));
}

/**
 * Returns the tag to check; undefined for an entry that was pulled by digest, comes from no registry, was pushed, or is
 * what `serve` keeps, which asks the registry at each request.
 */
function tagOf(entry: SnapshotEntry): KnownTag | undefined {
  const { type, name, record, folder } = entry;
  if (!isFromRegistry(type) || record?.served) return undefined;
  try {
    const reference = parseReference(name);
    if (reference.digest || isLocal(reference)) return undefined;
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

function reportSkipped(context: Context, entry: SnapshotEntry): void {
  const { type, name, record } = entry;
  const why = !isFromRegistry(type)
    ? "it comes from no registry"
    : record?.served
    ? "larder serve keeps it current"
    : isInNoRegistry(entry)
    ? "it was pushed, and is in no registry"
    : "a digest cannot be outdated";
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
