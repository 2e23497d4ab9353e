import { sep } from "node:path";
import { readBytesIfAny } from "../base/files.ts";
import { digestOf } from "../oci/hash.ts";
import { MANIFEST_FILE, RECORD_FILE } from "../store/layout.ts";
import { type Folder, type ReadFile, stampAt } from "./entry_folders.ts";

/** The name of a digest's folder, whose manifest would have the digest that others are known by. */
const DIGEST_FOLDER = /^sha256[:_]([0-9a-f]{64})$/;

/**
 * Reads what the entries of a tree need: records, the manifests of tags, and of digests the manifests that no tag
 * beside them has. What cannot be read is left to whoever turns out to need it.
 */
export function readAlong(folder: Folder): Folder {
  return readBeside(folder, new Set());
}

/** @param hashed hexadecimal digits of the manifests that were read beside the folder; its own is added */
function readBeside(folder: Folder, hashed: Set<string>): Folder {
  const { files, name, path } = folder;
  const read: Partial<Record<string, ReadFile>> = {};
  if (files.has(RECORD_FILE)) read[RECORD_FILE] = readRecord(path + sep + RECORD_FILE);
  const hex = DIGEST_FOLDER.exec(name)?.[1];
  if (files.has(MANIFEST_FILE) && !(hex && hashed.has(hex))) {
    const manifest = readManifest(path + sep + MANIFEST_FILE);
    read[MANIFEST_FILE] = manifest;
    if (manifest) hashed.add(manifest.digest.slice("sha256:".length));
  }
  const below = new Set<string>();
  const tagsFirst = folder.folders.toSorted((a, b) => rank(a) - rank(b));
  return { ...folder, read, folders: tagsFirst.map((child) => readBeside(child, below)) };
}

function readRecord(path: string): ReadFile | undefined {
  const stamp = attempt(() => stampAt(path));
  const bytes = attempt(() => readBytesIfAny(path));
  return bytes && { bytes, stamp };
}

function readManifest(path: string) {
  const bytes = attempt(() => readBytesIfAny(path));
  return bytes && { bytes, digest: digestOf(bytes) };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function rank({ name }: Folder): number {
  return DIGEST_FOLDER.test(name) ? 1 : 0;
}
