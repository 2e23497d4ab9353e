import { printable } from "../../../base/errors.ts";
import type { Key } from "../../../builds/key/key.ts";
import type { KeyDifference } from "../../../builds/key/key_difference.ts";
import { type NearestBuild, nearestBuild } from "../../../builds/key/nearest_build.ts";
import { buildName, type BuildRecord } from "../../../store/entries/build_record.ts";
import type { BuildStore } from "../../../store/entries/build_store.ts";
import { displayName } from "../../../store/entry_names.ts";
import { historyOf, type RemovalEvent } from "../../../store/journal/history.ts";
import type { JournalEvent } from "../../../store/journal/journal.ts";
import { agoText, fields, sections } from "../../terminal/text_layout.ts";

/** Differences that are listed without `--verbose`. */
const MAX_LISTED = 50;

const SIGNS = { added: "+", removed: "-", changed: "~" } as const;

/** What is known about a key that is not cached, or whose result is lost. */
export interface Explanation {
  readonly key: Key;
  /** The record of the key; its file may be missing or damaged. */
  readonly record: BuildRecord | undefined;
  readonly isCached: boolean;
  /** The last removal of a build with this key. */
  readonly removal: RemovalEvent | undefined;
  readonly nearest: NearestBuild | undefined;
}

export function explain(
  store: BuildStore,
  key: Key,
  events: readonly JournalEvent[],
): Explanation {
  const name = buildName({ name: key.document.name, specification: key.digest });
  const last = historyOf(events, (own) => own === name).at(-1);
  const isCached = store.find(key.digest) !== undefined;
  return {
    key,
    record: store.record(key.digest),
    isCached,
    removal: last?.kind === "removed" ? last : undefined,
    nearest: isCached ? undefined : nearestBuild(store, key),
  };
}

/** Formats what is known about a key. */
export function explanationText(explanation: Explanation, now: number, isVerbose: boolean): string {
  const { key, record, isCached, removal, nearest } = explanation;
  const lost = record && !isCached;
  return sections([
    fields([
      ["NAME", key.document.name],
      ["KEY", key.digest],
      ["CACHED", isCached ? `yes, built ${ageOf(record!, now)}` : "no"],
      ["LOST", lost ? "its record is there, but its file is missing or damaged" : undefined],
      ["REMOVED", !isCached && removal ? removalText(removal, now) : undefined],
      ["NEAREST", isCached ? undefined : nearestText(nearest, now)],
    ]),
    nearest ? differencesText(nearest.differences, isVerbose) : "",
  ]);
}

function ageOf({ createdAt }: BuildRecord, now: number): string {
  return agoText(now - Date.parse(createdAt));
}

function removalText({ at, by, why }: RemovalEvent, now: number): string {
  return `by larder ${by} ${agoText(now - at)}: ${why}`;
}

function nearestText(nearest: NearestBuild | undefined, now: number): string {
  if (!nearest) return "no build to compare with is cached";
  const { record } = nearest;
  return `${displayName(buildName(record))}, built ${ageOf(record, now)}`;
}

/** One line for each difference: `~ input    rootfs/etc/hostname: other content (5 B → 6 B)`. */
function differencesText(
  differences: readonly KeyDifference[],
  isVerbose: boolean,
): string {
  const listed = isVerbose ? differences : differences.slice(0, MAX_LISTED);
  const more = differences.length - listed.length;
  const lines = listed.map(({ part, change, subject, detail }) => {
    const what = subject === part ? detail : detail ? `${subject}: ${detail}` : subject;
    return printable(`${SIGNS[change]} ${part.padEnd(9)}${what}`);
  });
  if (more > 0) lines.push(`and ${more} more; -v lists all`);
  return lines.map((line) => `${line}\n`).join("");
}

/** Returns the same for `--format json`. */
export function explanationJson(explanation: Explanation): object {
  const { key, record, isCached, removal, nearest } = explanation;
  return {
    name: key.document.name,
    key: key.digest,
    isCached,
    createdAt: record?.createdAt ?? null,
    removal: removal ? { ...removal, at: new Date(removal.at).toISOString() } : null,
    nearest: nearest
      ? {
        name: buildName(nearest.record),
        createdAt: nearest.record.createdAt,
        differences: nearest.differences,
      }
      : null,
  };
}
