import { join } from "node:path";
import { readTextIfAny } from "../../../base/files/files.ts";
import { formatDuration } from "../../../base/units.ts";
import type { KeyDocument } from "../../../builds/key/key.ts";
import type { SnapshotEntry } from "../../../snapshot/types.ts";
import { parseBuildRecord } from "../../../store/entries/build_record.ts";
import { parsePackageRecord } from "../../../store/entries/package_record.ts";
import { RECORD_FILE } from "../../../store/layout.ts";

/** A line of `larder info`: its heading and its value. */
export type InfoField = readonly [string, string | undefined];

/**
 * Returns what the record of a package or build says besides its name; nothing for another entry.
 * @param key what decided the result of a build
 */
export function recordFields(
  { type, folder, problem }: SnapshotEntry,
  key: KeyDocument | null,
): InfoField[] {
  if (problem || (type !== "package" && type !== "build")) return [];
  const text = readTextIfAny(join(folder, RECORD_FILE)) ?? "";
  return type === "package" ? packageFields(text) : buildFields(text, key);
}

function packageFields(text: string): InfoField[] {
  const record = parsePackageRecord(text);
  return record
    ? [
      ["SOURCE", record.source],
      ["VERSION", record.version],
      ["ARCH", record.arch],
      ["MEDIA TYPE", record.mediaType],
      ["FILE NAME", record.fileName],
      ["URL", record.url],
      ["VOUCHED BY", record.vouchedBy],
    ]
    : [];
}

function buildFields(text: string, key: KeyDocument | null): InfoField[] {
  const record = parseBuildRecord(text);
  if (!record) return [];
  const { specification, mediaType, duration } = record;
  return [
    ["KEY", specification],
    ["MEDIA TYPE", mediaType],
    ["BUILT IN", duration === undefined ? undefined : formatDuration(duration)],
    ["PLATFORM", key?.platform],
    ["COMMAND", key?.command.join(" ")],
    ["NETWORK", key?.network ? "yes" : undefined],
  ];
}
