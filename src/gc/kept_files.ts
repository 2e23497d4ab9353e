import type { CacheSnapshot } from "../snapshot/types.ts";
import type { PlannedKeptFiles, Unreferenced } from "./plan.ts";
import { type Facts, type RetainedContent, writtenAt } from "./reference_counts.ts";
import type { Selection } from "./selection.ts";

/** A file that nothing needs, with the time from which it may be removed; undefined while it is in use. */
interface KeptFile {
  readonly size: number;
  readonly removableAt: number | undefined;
}

/**
 * Returns the sums of what nothing needs but a collector keeps for now: unreferenced content, interrupted downloads,
 * and leftover files.
 * @param unreferenced downloads and leftover files that are removed
 */
export function keptFiles(
  { partials, rubbish, takenAt, hasUnknownReferences }: CacheSnapshot,
  { ages }: Facts,
  selection: Selection,
  unreferenced: Unreferenced,
): PlannedKeptFiles[] {
  const removed = new Set([
    ...unreferenced.partials,
    ...unreferenced.rubbish,
    ...selection.partials,
  ]);
  const waiting = (files: CacheSnapshot["partials"], age: number) =>
    files.filter((file) => !removed.has(file))
      .map((file) => ({ size: file.size, removableAt: writtenAt(file, takenAt) + age }));
  const retained = selection.retained.map(sized);
  const isInUse = ({ removableAt }: KeptFile) => removableAt === undefined;
  return [
    ...sumOf("contents", hasUnknownReferences ? "unknown" : "in use", retained.filter(isInUse)),
    ...sumOf("contents", "young", retained.filter((file) => !isInUse(file))),
    ...sumOf("partials", "young", waiting(partials, ages.partial)),
    ...sumOf("rubbish", "young", waiting(rubbish, ages.orphan)),
  ];
}

function sized({ content, removableAt }: RetainedContent): KeptFile {
  return { size: content.size, removableAt };
}

function sumOf(
  kind: PlannedKeptFiles["kind"],
  rule: PlannedKeptFiles["rule"],
  files: readonly KeptFile[],
): PlannedKeptFiles[] {
  if (files.length === 0) return [];
  let [bytes, from, until] = [0, Infinity, -Infinity];
  for (const { size, removableAt = NaN } of files) {
    bytes += size;
    if (removableAt < from) from = removableAt;
    if (removableAt > until) until = removableAt;
  }
  const time = (at: number) => Number.isFinite(at) ? new Date(at).toISOString() : null;
  return [{ kind, rule, count: files.length, bytes, from: time(from), until: time(until) }];
}
