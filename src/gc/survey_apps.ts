import { sep } from "node:path";
import { MAX_INDEX_DEPTH, MAX_LOCKED_APP } from "../base/defaults.ts";
import { messageOf } from "../base/errors.ts";
import { readBytesIfAny, readTextIfAny, statIfAny } from "../base/files.ts";
import { algorithmOf, type Digest, digestOf } from "../oci/digest.ts";
import { fileDigests, parseLockedApp, wasmDigests } from "../oci/locked_app.ts";
import {
  type ImageManifest,
  type Manifest,
  parseManifest,
  spinApplicationLayer,
  successors,
} from "../oci/manifest.ts";
import { SPIN_APPLICATION } from "../oci/media_types.ts";
import { CONFIG_FILE, type Layout, MANIFEST_FILE, PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import { type EntryRecord, parseRecord } from "../store/record.ts";
import { type Contents, ManifestContent } from "./contents.ts";
import { type Folder, type Oddments, putFiles, readTree } from "./folders.ts";
import {
  ascending,
  clamp,
  type FoundEntry,
  ownPin,
  ownSize,
  type Stamp,
  stampOf,
} from "./found.ts";

/** Reads every reference of the cache, and the manifests that they share. */
export function surveyApps(
  layout: Layout,
  now: number,
  contents: Contents,
  oddments: Oddments,
): FoundEntry[] {
  const found: FoundEntry[] = [];
  const walk = (folder: Folder, name: string) => {
    found.push(...new Repository(layout, now, contents, oddments, folder, name).entries());
    for (const child of folder.folders) walk(child, `${name}/${child.name}`);
  };
  for (const registry of readTree(layout.manifests, oddments)) {
    putFiles(registry, false, oddments);
    for (const child of registry.folders) {
      putFiles(child, false, oddments);
      walk(child, `${layout.registryOfName(registry.name)}/${child.name}`);
    }
  }
  return found;
}

/** A digest's folder among the contents. */
interface Placed {
  readonly content: ManifestContent;
  readonly place: number;
}

/** The references of one repository. What is shared within it is read once. */
class Repository {
  readonly #layout: Layout;
  readonly #now: number;
  readonly #contents: Contents;
  readonly #oddments: Oddments;
  readonly #name: string;
  readonly #tags: Folder[] = [];
  readonly #named: [Digest, Folder][] = [];
  readonly #folders = new Map<Digest, Placed>();
  /** Manifests that were read; undefined for one that is missing or damaged. */
  readonly #manifests = new Map<Digest, Manifest | undefined>();

  constructor(
    layout: Layout,
    now: number,
    contents: Contents,
    oddments: Oddments,
    folder: Folder,
    name: string,
  ) {
    this.#layout = layout;
    this.#now = now;
    this.#contents = contents;
    this.#oddments = oddments;
    this.#name = name;
    for (const child of folder.folders) this.#sort(child);
  }

  entries(): FoundEntry[] {
    const tags = this.#tags.map((folder) => this.#tagEntry(folder));
    return [...tags, ...this.#named.map(([digest, folder]) => this.#digestEntry(digest, folder))];
  }

  #sort(child: Folder): void {
    const { files } = child;
    if (files.size === 0) return;
    const digest = this.#layout.digestOfName(child.name);
    const isNamed = files.has(RECORD_FILE) || files.has(PIN_FILE);
    if (!files.has(MANIFEST_FILE) && !isNamed) return putFiles(child, true, this.#oddments);
    if (!digest) {
      this.#tags.push(child);
      return;
    }
    if (files.has(MANIFEST_FILE)) {
      const content = new ManifestContent(digest, child);
      this.#folders.set(digest, { content, place: this.#contents.add(content) });
    }
    if (isNamed) this.#named.push([digest, child]);
  }

  #tagEntry(folder: Folder): FoundEntry {
    const record = folder.files.has(RECORD_FILE) ? readRecord(folder) : undefined;
    const bytes = readBytesIfAny(folder.path + sep + MANIFEST_FILE);
    const expected = record?.manifestDigest;
    const isOurs = bytes !== undefined && expected !== undefined &&
      digestOf(bytes, algorithmOf(expected)) === expected;
    const config = stampOf(folder, CONFIG_FILE)?.size ?? 0;
    const reach = this.#reachOfTag(folder, bytes, config, isOurs ? record : undefined);
    // Spin replaces the manifest and leaves the record: then the record is that of nothing any more.
    const spins = !isOurs && (!record || reach.manifest !== undefined);
    const stamp = stampOf(folder, spins ? MANIFEST_FILE : RECORD_FILE);
    return {
      ...this.#entry(folder, spins ? undefined : record, stamp, reach),
      name: `${this.#name}:${folder.name}`,
      digest: spins ? reach.manifest?.digest : record?.digest,
      writtenBy: spins ? "spin" : "larder",
      ownSize: config + (stamp?.size ?? 0) +
        (spins ? ownSize(folder, [RECORD_FILE]) : bytes?.length ?? 0) +
        ownSize(folder, [PIN_FILE]),
    };
  }

  /** @param record of an entry that is as larder wrote it */
  #reachOfTag(
    folder: Folder,
    bytes: Uint8Array | undefined,
    configSize: number,
    record: EntryRecord | undefined,
  ): Reach {
    const reach = new Reach();
    reach.isVerified = record !== undefined;
    try {
      if (!bytes) throw new Error("its manifest is missing");
      reach.manifest = this.#parse(bytes, record?.manifestDigest);
    } catch (error) {
      reach.problem = messageOf(error);
      return reach;
    }
    if (record) {
      // The tag's folder has copies of both files.
      this.#folders.get(record.manifestDigest)?.content.expect(bytes.length + configSize);
    }
    this.#collect(reach.manifest, folder, reach);
    if (record && record.digest !== record.manifestDigest) {
      this.#collectDigest(record.digest, reach);
    }
    return reach;
  }

  #digestEntry(digest: Digest, folder: Folder): FoundEntry {
    const record = folder.files.has(RECORD_FILE) ? readRecord(folder) : undefined;
    const reach = new Reach();
    if (!this.#collectDigest(digest, reach)) reach.problem = "its manifest is missing or damaged";
    const hasManifest = folder.files.has(MANIFEST_FILE);
    const stamp = stampOf(folder, folder.files.has(RECORD_FILE) ? RECORD_FILE : PIN_FILE);
    return {
      ...this.#entry(folder, record, stamp, reach),
      name: this.#digestName(digest, record),
      digest,
      writtenBy: "larder",
      // Without a manifest the folder is no content, and all of it is the entry's.
      ownSize: ownSize(folder, hasManifest ? [RECORD_FILE, PIN_FILE] : folder.files),
    };
  }

  /** What all kinds of apps have. */
  #entry(folder: Folder, record: EntryRecord | undefined, stamp: Stamp | undefined, reach: Reach) {
    const lastUsed = clamp(stamp?.modified, this.#now);
    const created = record ? Date.parse(record.pulledAt) : stamp?.created;
    return {
      type: "app",
      group: this.#name,
      folder: folder.path,
      createdAt: Math.min(clamp(created, this.#now), lastUsed),
      lastUsed,
      pin: ownPin(folder),
      record,
      problem: reach.problem,
      reaches: ascending(reach.places),
    } as const;
  }

  /** With the tag that it was asked for with, if there was one: it is kept for display. */
  #digestName(digest: Digest, record: EntryRecord | undefined): string {
    const asked = record?.reference ?? "";
    const isThis = asked.startsWith(`${this.#name}:`) && asked.endsWith(`@${digest}`);
    return isThis ? asked : `${this.#name}@${digest}`;
  }

  /** Collects what the folder of a digest reaches. @returns whether its manifest is there whole */
  #collectDigest(digest: Digest, reach: Reach, depth = 0): boolean {
    const place = this.#folders.get(digest)?.place;
    if (place !== undefined) reach.places.add(place);
    const manifest = this.#manifest(digest);
    if (!manifest) return false;
    if (!reach.visited.has(digest)) {
      this.#collect(manifest, this.#folders.get(digest)!.content.folder, reach, depth);
    }
    return true;
  }

  /** @param folder where a `config.json` of it lies */
  #collect(manifest: Manifest, folder: Folder, reach: Reach, depth = 0): void {
    reach.visited.add(manifest.digest);
    const own = this.#folders.get(manifest.digest);
    if (own) reach.places.add(own.place);
    if (manifest.kind === "index") {
      if (depth === MAX_INDEX_DEPTH) return;
      for (const child of manifest.manifests) this.#collectDigest(child.digest, reach, depth + 1);
      return;
    }
    for (const { digest, size } of successors(manifest)) {
      this.#contents.collectBlob(digest, reach.places, reach.isVerified ? size : undefined);
    }
    if (!isSpinApp(manifest)) return;
    try {
      const digests = lockedAppDigests(folder, this.#name);
      for (const digest of digests) this.#contents.collectBlob(digest, reach.places);
    } catch (error) {
      reach.problem = messageOf(error);
    }
  }

  /** The manifest in the folder of its digest, if it is there whole. */
  #manifest(digest: Digest): Manifest | undefined {
    if (!this.#manifests.has(digest)) {
      const folder = this.#folders.get(digest)?.content.folder;
      const bytes = folder && readBytesIfAny(folder.path + sep + MANIFEST_FILE);
      try {
        this.#manifests.set(digest, bytes && parseManifest(bytes, this.#name, null, digest));
      } catch {
        this.#manifests.set(digest, undefined);
      }
    }
    return this.#manifests.get(digest);
  }

  /** Reads a tag's manifest, which the folder of its digest repeats. */
  #parse(bytes: Uint8Array, digest: Digest | undefined): Manifest {
    const known = digest && this.#manifests.get(digest);
    if (known) return known;
    const manifest = parseManifest(bytes, this.#name, null, digest);
    if (this.#folders.has(manifest.digest)) this.#manifests.set(manifest.digest, manifest);
    return manifest;
  }
}

/** What one entry reaches, while it is being found out. */
class Reach {
  /** Whether larder fetched it all, so that every blob has the size that the manifest says. */
  isVerified = true;
  readonly places = new Set<number>();
  readonly visited = new Set<Digest>();
  manifest: Manifest | undefined;
  problem: string | undefined;
}

function isSpinApp(image: ImageManifest): boolean {
  return spinApplicationLayer(image) !== undefined || image.config.mediaType === SPIN_APPLICATION;
}

/** What Spin's locked app names: files that were unpacked from archives are nowhere else to be found. */
function lockedAppDigests(folder: Folder, subject: string): Digest[] {
  const path = folder.path + sep + CONFIG_FILE;
  if ((statIfAny(path)?.size ?? 0) > MAX_LOCKED_APP) {
    throw new Error("its config.json is too large");
  }
  const bytes = readBytesIfAny(path);
  if (!bytes) throw new Error("its config.json is missing");
  const app = parseLockedApp(bytes, subject);
  return [...fileDigests(app), ...wasmDigests(app)];
}

function readRecord(folder: Folder): EntryRecord | undefined {
  const text = readTextIfAny(folder.path + sep + RECORD_FILE);
  return text === undefined ? undefined : parseRecord(text);
}
