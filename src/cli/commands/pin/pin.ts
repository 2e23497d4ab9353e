import { LarderError, shellWord } from "../../../base/errors.ts";
import { isGlob } from "../../../base/glob.ts";
import { plural } from "../../../base/units.ts";
import { formatReference, parseReference } from "../../../oci/reference.ts";
import type { CacheSnapshot, SnapshotEntry } from "../../../snapshot/types.ts";
import { patternFault, rejectBadPattern } from "../../../store/entries/pin_file.ts";
import { type PinOptions, PinStore } from "../../../store/entries/pins.ts";
import { displayName, matchesName } from "../../../store/entry_names.ts";
import { waitingForSweep } from "../../../store/locks/store_lock.ts";
import { isDigestText, nameIn, noEntryFor, selectForRemoval } from "../../entry_lookup.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { readCache } from "../../read_cache.ts";
import { agoText, table } from "../../terminal/text_layout.ts";

/** `larder pin`: protects entries from automatic removal; a pattern also protects entries that are pulled later. */
export async function pin(
  context: Context,
  names: readonly string[],
  { note }: { note?: string },
): Promise<void> {
  const now = Date.now();
  const snapshot = await readCache(context, now);
  const pins = new PinStore(context.layout);
  const options = { ...pinOptions(context, now), note };
  // A mistake in one name leaves the others unpinned too.
  const targets = names.map((name) => targetOf(snapshot, name));
  for (const { matching, pattern } of targets) {
    if (pattern === undefined) {
      for (const { folder } of matching) await pins.pin(folder, options);
      for (const entry of matching) context.info(`pinned ${entry.name}`);
      continue;
    }
    await pins.pinPattern(pattern, options);
    if (matching.length === 0) {
      context.warn(
        `nothing in the cache matches ${pattern} yet; it will be pinned once it is cached`,
      );
    } else {
      const entries = plural(matching.length, "entry", "entries");
      context.info(`pinned ${pattern}: ${entries} now, and all later ones`);
    }
  }
}

/** The entries that a name to pin selects, and the pattern to store. */
interface PinTarget {
  readonly matching: readonly SnapshotEntry[];
  /** The pattern to pin; undefined if the matching entries themselves are to be pinned. */
  readonly pattern?: string;
}

/** @throws LarderError LDR_USAGE if it cannot be pinned; LDR_NOT_CACHED for a digest that no entry has */
function targetOf(snapshot: CacheSnapshot, typed: string): PinTarget {
  const name = nameIn(snapshot.entries, typed);
  const matching = selectForRemoval(snapshot.entries, name);
  if (isGlob(name)) return { matching, pattern: checkedPattern(name) };
  if (matching.length > 0) return { matching };
  // Not a name at Docker Hub: no repository there is called sha256.
  if (isDigestText(name)) throw noEntryFor(snapshot, name);
  return { matching, pattern: checkedPattern(fullName(name)) };
}

function checkedPattern(pattern: string): string {
  rejectBadPattern(pattern);
  return pattern;
}

/** `larder unpin`: removes pins of entries, and pinned patterns. */
export async function unpin(context: Context, names: readonly string[]): Promise<void> {
  const now = Date.now();
  const snapshot = await readCache(context, now);
  const pins = new PinStore(context.layout);
  for (const name of names) await unpinOne(context, snapshot, pins, name, now);
}

async function unpinOne(
  context: Context,
  snapshot: CacheSnapshot,
  pins: PinStore,
  typed: string,
  now: number,
): Promise<void> {
  const isPinnedAsTyped = pins.patterns().some(({ pattern }) => pattern === typed);
  const name = isPinnedAsTyped ? typed : nameIn(snapshot.entries, typed);
  const spelled = isGlob(name) ? [name] : [...new Set([name, fullName(name)])];
  let isUnpinned = false;
  for (const pattern of spelled) {
    if (await pins.unpinPattern(pattern, pinOptions(context, now))) isUnpinned = true;
  }
  const matching = selectForRemoval(snapshot.entries, name);
  // If the glob itself was pinned, entries that match it keep their own pins.
  if (!isUnpinned || !isGlob(name)) {
    for (const { folder } of matching) isUnpinned = pins.unpin(folder) || isUnpinned;
  }
  if (!isUnpinned) throw notPinned(name, matching.map(({ pin }) => pin?.pattern));
  context.info(`unpinned ${patternText(name)}`);
  for (const entry of matching) {
    const other = pins.patterns().find(({ pattern }) => matchesName(pattern, entry.name));
    if (other) context.warn(`${entry.name} is still pinned by ${other.pattern}`);
  }
}

/** `larder pins`: lists pinned patterns, then pinned entries. */
export async function pins(context: Context, { format }: { format: Format }): Promise<void> {
  const now = Date.now();
  const snapshot = await readCache(context, now);
  const rows = [
    ...new PinStore(context.layout).patterns().map((each) => ({
      name: each.pattern,
      isPattern: true,
      entries: snapshot.entries.filter(({ name }) => matchesName(each.pattern, name)).length,
      pinnedAt: each.pinnedAt ?? null,
      note: each.note ?? null,
    })),
    ...snapshot.entries.filter((entry) => entry.pin && entry.pin.pattern === undefined).map((
      { name, pin },
    ) => ({
      name,
      isPattern: false,
      entries: 1,
      pinnedAt: pin!.pinnedAt ?? null,
      note: pin!.note ?? null,
    })),
  ];
  if (format === "json") {
    writeJson(rows);
  } else if (rows.length === 0) {
    context.info("nothing is pinned");
  } else {
    const hasNotes = rows.some(({ note }) => note !== null);
    writeOut(table(
      ["NAME", "ENTRIES", "PINNED", ...hasNotes ? ["NOTE"] : []],
      rows.map(({ name, isPattern, entries, pinnedAt, note }) => [
        isPattern ? patternText(name) : displayName(name),
        String(entries),
        pinnedAt ? agoText(now - Date.parse(pinnedAt)) : "",
        ...hasNotes ? [note ?? ""] : [],
      ]),
      { shrink: 0 },
    ));
  }
}

/** `ghcr.io/acme/*`; `"" (the pattern is empty)` for an entry of a damaged `pins.json`. */
function patternText(pattern: string): string {
  const fault = patternFault(pattern);
  return fault === undefined ? displayName(pattern) : `${JSON.stringify(pattern)} (${fault})`;
}

function pinOptions(context: Context, now: number): PinOptions {
  return {
    now,
    waiting: (holders) => context.info(waitingForSweep(holders)),
    signal: context.interruptible(),
  };
}

/** Expands a reference, such as `nginx` to `docker.io/library/nginx:latest`; returns any other name unchanged. */
function fullName(name: string): string {
  try {
    return formatReference(parseReference(name));
  } catch {
    return name;
  }
}

function notPinned(name: string, patterns: readonly (string | undefined)[]): LarderError {
  const pattern = patterns.find((each) => each !== undefined);
  return new LarderError("LDR_NOT_CACHED", `"${name}" has no pin of its own`, {
    hint: pattern
      ? `larder unpin ${shellWord(pattern)} removes the pattern that pins it`
      : "larder pins lists what is pinned",
  });
}
