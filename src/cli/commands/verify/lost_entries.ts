import { shellWord } from "../../../base/errors.ts";
import { join } from "node:path";
import { readTextIfAny, statIfAny } from "../../../base/files/files.ts";
import type { SnapshotEntry } from "../../../snapshot/types.ts";
import { parseBuildRecord } from "../../../store/entries/build_record.ts";
import { parsePackageRecord } from "../../../store/entries/package_record.ts";
import { displayName, INDEX_SOURCE } from "../../../store/entry_names.ts";
import { RECORD_FILE } from "../../../store/layout.ts";

/** An entry that a repair may remove, because nothing has it, and what brings it back. */
interface Loss {
  readonly record: string;
  readonly text: string;
}

/** Returns what to say of packages and builds in case that a repair removes them; read before the repair. */
export function possibleLosses(entries: Iterable<SnapshotEntry>): Loss[] {
  return [...new Set(entries)].flatMap((entry) => {
    const remedy = remedyFor(entry);
    const record = join(entry.folder, RECORD_FILE);
    return remedy ? [{ record, text: `removed ${displayName(entry.name)}: ${remedy}` }] : [];
  });
}

/** Returns what to say of those that are gone. */
export function lossesOf(losses: readonly Loss[]): string[] {
  return losses.filter(({ record }) => !statIfAny(record)).map(({ text }) => text);
}

function remedyFor({ type, folder }: SnapshotEntry): string | undefined {
  const text = readTextIfAny(join(folder, RECORD_FILE)) ?? "";
  if (type === "build") {
    // What was imported has no key document.
    const isImported = parseBuildRecord(text)?.specificationSize === undefined;
    return isImported ? "larder import brings it back" : "larder build builds it again";
  }
  if (type !== "package") return undefined;
  const record = parsePackageRecord(text);
  if (record?.source === INDEX_SOURCE) return "larder fetch --from fetches it again";
  return record?.url === undefined
    ? "larder fetch fetches it again"
    : `larder fetch ${shellWord(record.url)} fetches it again`;
}
