import { join } from "node:path";
import { readTextIfAny } from "../../../base/files.ts";
import type { SnapshotEntry } from "../../../snapshot/types.ts";
import { parseBuildRecord } from "../../../store/entries/build_record.ts";
import { parsePackageRecord } from "../../../store/entries/package_record.ts";
import { RECORD_FILE } from "../../../store/layout.ts";

/** A line of `larder info`: its heading and its value. */
export type InfoField = readonly [string, string | undefined];

/** Returns what the record of a package or build says besides its name; nothing for another entry. */
export function recordFields({ type, folder, problem }: SnapshotEntry): InfoField[] {
  if (problem || (type !== "package" && type !== "build")) return [];
  const text = readTextIfAny(join(folder, RECORD_FILE)) ?? "";
  return type === "package" ? packageFields(text) : buildFields(text);
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

function buildFields(text: string): InfoField[] {
  const record = parseBuildRecord(text);
  return record ? [["KEY", record.specification], ["MEDIA TYPE", record.mediaType]] : [];
}
