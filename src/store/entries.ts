import { join } from "node:path";
import { readBytesIfAny, readFolder, statIfAny } from "../base/files.ts";
import { algorithmOf, type Digest, digestOf } from "../oci/digest.ts";
import { type Manifest, parseManifest, successors } from "../oci/manifest.ts";
import { type Layout, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "./layout.ts";
import type { EntryRecord } from "./record.ts";
import { readRecord } from "./tags.ts";

/** One named thing in the cache. */
export interface Entry {
  /** `registry/repository:tag` or `registry/repository@digest`. */
  readonly reference: string;
  readonly folder: string;
  /** Undefined for an entry that Spin wrote. */
  readonly record: EntryRecord | undefined;
  /** What the reference stands for; for Spin's entries that of the manifest as Spin wrote it down. */
  readonly digest: Digest;
  /** Bytes of all it reaches, each digest once. */
  readonly size: number;
  /** Milliseconds since the epoch; never in the future. */
  readonly lastUsed: number;
  readonly pinned: boolean;
}

/**
 * Every entry of the cache, in the order of their names. Broken ones are passed over, and so are folders that
 * another process deletes meanwhile.
 */
export function listEntries(layout: Layout, now = Date.now()): Entry[] {
  const entries: Entry[] = [];
  for (const registry of folders(layout.manifests)) {
    const name = layout.registryOfName(registry);
    walk(layout, join(layout.manifests, registry), name, "", now, entries);
  }
  return entries.sort((a, b) => a.reference < b.reference ? -1 : a.reference > b.reference ? 1 : 0);
}

function walk(
  layout: Layout,
  folder: string,
  registry: string,
  repository: string,
  now: number,
  entries: Entry[],
): void {
  for (const name of folders(folder)) {
    const path = join(folder, name);
    const entry = repository && readEntry(layout, path, `${registry}/${repository}`, name, now);
    if (entry) entries.push(entry);
    walk(layout, path, registry, repository ? `${repository}/${name}` : name, now, entries);
  }
}

function readEntry(
  layout: Layout,
  folder: string,
  repository: string,
  name: string,
  now: number,
): Entry | undefined {
  const bytes = readBytesIfAny(join(folder, MANIFEST_FILE));
  if (!bytes) return undefined;
  const byDigest = layout.digestOfName(name);
  const record = readRecord(folder);
  if (byDigest && !record) return undefined; // Content of another entry.
  try {
    const manifest = parseManifest(bytes, folder);
    // Spin replaces the manifest and leaves the record: such an entry is Spin's.
    const expected = byDigest ?? record?.manifestDigest;
    const current = expected && digestOf(bytes, algorithmOf(expected)) === expected
      ? record
      : undefined;
    const stamp = statIfAny(join(folder, current ? RECORD_FILE : MANIFEST_FILE))?.mtime;
    return {
      reference: byDigest ? digestReference(repository, byDigest, record) : `${repository}:${name}`,
      folder,
      record: current,
      digest: current?.digest ?? manifest.digest,
      size: reachedBytes(layout, folder, manifest, current),
      lastUsed: Math.min(stamp?.getTime() ?? now, now),
      pinned: statIfAny(join(folder, PIN_FILE)) !== undefined,
    };
  } catch {
    return undefined; // Damaged: the next pull heals it.
  }
}

/** With the tag that it was asked for with, if there was one: it is kept for display. */
function digestReference(
  repository: string,
  digest: Digest,
  record: EntryRecord | undefined,
): string {
  const asked = record?.reference ?? "";
  const isThis = asked.startsWith(`${repository}:`) && asked.endsWith(`@${digest}`);
  return isThis ? asked : `${repository}@${digest}`;
}

/** Bytes of the manifests and blobs that an entry reaches and that are in the cache. */
function reachedBytes(
  layout: Layout,
  folder: string,
  manifest: Manifest,
  record: EntryRecord | undefined,
): number {
  const sizes = new Map<Digest, number>();
  const visit = (current: Manifest) => {
    if (sizes.has(current.digest)) return;
    sizes.set(current.digest, current.bytes.length);
    for (const child of successors(current)) {
      if (current.kind === "image") {
        sizes.set(child.digest, child.size);
        continue;
      }
      const bytes = readBytesIfAny(
        join(folder, "..", layout.fileName(child.digest), MANIFEST_FILE),
      );
      if (bytes) visit(parseManifest(bytes, folder));
    }
  };
  if (record && record.digest !== manifest.digest) {
    const index = readBytesIfAny(
      join(folder, "..", layout.fileName(record.digest), MANIFEST_FILE),
    );
    if (index) visit(parseManifest(index, folder));
  }
  visit(manifest);
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

function folders(path: string): string[] {
  return readFolder(path).filter((entry) => entry.isDirectory).map((entry) => entry.name);
}
