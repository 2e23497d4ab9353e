import { sep } from "node:path";
import { hasCode, LarderError } from "../base/errors.ts";
import { readTextIfAny } from "../base/files/files.ts";
import type { BlobDescriptor } from "../oci/descriptor.ts";
import { isWasm } from "../oci/media_types.ts";
import { parseReference } from "../oci/reference.ts";
import { UNREADABLE } from "../snapshot/entry.ts";
import type { ManifestReader } from "../snapshot/manifest_reader.ts";
import { isFromRegistry, type SnapshotEntry } from "../snapshot/types.ts";
import { keyBlobOf, parseBuildRecord } from "../store/entries/build_record.ts";
import { parseCompiledRecord } from "../store/entries/compiled_record.ts";
import { parsePackageRecord } from "../store/entries/package_record.ts";
import { INDEX_SOURCE } from "../store/entry_names.ts";
import { type Layout, RECORD_FILE } from "../store/layout.ts";
import { type EntryRepair, expectedBlob, type ExpectedFiles } from "./expectation.ts";
import { expectedFilesOfApp } from "./expected_app.ts";

/** Returns the files that an entry must have. */
export function expectedFilesOf(
  layout: Layout,
  reader: ManifestReader,
  entry: SnapshotEntry,
): ExpectedFiles {
  // Files that cannot be read are findings of their own.
  const unknown = { entry, files: [], faults: [], repair: undefined };
  if (entry.problem === UNREADABLE) return unknown;
  try {
    return isFromRegistry(entry.type)
      ? expectedFilesOfApp(layout, reader, entry, parseReference(entry.name))
      : expectedFilesOfRecord(layout, entry);
  } catch (error) {
    if (hasCode(error, "LDR_PERMISSION", "LDR_DISK")) return unknown;
    if (!(error instanceof LarderError) || error.code !== "LDR_BAD_REFERENCE") throw error;
    const fault = { kind: "misplaced", path: entry.folder, detail: error.message } as const;
    return { ...unknown, faults: [fault] };
  }
}

/** A package, a build or compiled code is a record that names blobs. */
function expectedFilesOfRecord(layout: Layout, entry: SnapshotEntry): ExpectedFiles {
  const path = entry.folder + sep + RECORD_FILE;
  const forget = entry.isFromNewerVersion ? undefined : { by: "forget", record: path } as const;
  const text = entry.problem ? "" : readTextIfAny(path) ?? "";
  const blobs = entry.problem ? undefined : blobsOf(entry, text);
  if (blobs) {
    const repair = fetchOf(entry, text) ?? forget;
    return { entry, files: blobs.map((blob) => expectedBlob(layout, blob)), faults: [], repair };
  }
  const detail = entry.problem ?? "its record is missing or damaged";
  return { entry, files: [], faults: [{ kind: "broken", path, detail }], repair: forget };
}

/** Returns how a package is fetched again; undefined for other entries, and for what has no URL, or other content there. */
function fetchOf({ type }: SnapshotEntry, text: string): EntryRepair | undefined {
  const record = type === "package" ? parsePackageRecord(text) : undefined;
  // Only a pull of a Spin manifest fetches Wasm that is a package.
  if (record?.url === undefined || isWasm(record.mediaType)) return undefined;
  if (record.source === INDEX_SOURCE) return undefined;
  return { by: "fetch", package: record };
}

function blobsOf({ type }: SnapshotEntry, text: string): readonly BlobDescriptor[] | undefined {
  if (type === "compiled") return parseCompiledRecord(text);
  if (type === "package") {
    const record = parsePackageRecord(text);
    return record && [record];
  }
  const record = parseBuildRecord(text);
  const key = record && keyBlobOf(record);
  return record && (key ? [record, key] : [record]);
}
