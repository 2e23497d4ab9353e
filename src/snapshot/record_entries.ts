import { isNewerFormat } from "../store/json.ts";
import { sep } from "node:path";
import { readTextIfAny } from "../base/files.ts";
import type { Digest } from "../oci/digest.ts";
import { parseCompiledRecord } from "../store/entries/compiled_store.ts";
import { parseBuildRecord } from "../store/entries/build_record.ts";
import { type Layout, PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import { packageName, parsePackageRecord } from "../store/entries/package_record.ts";
import type { Contents } from "./contents.ts";
import { type Folder, putFiles, readTree, stampOf, type StrayFiles } from "./entry_folders.ts";
import { ascending, clamp, NEWER_VERSION, ownPin, sizeOf, type UnsizedEntry } from "./entry.ts";
import type { EntryType } from "./types.ts";

/** What a record says of its entry. */
interface Description {
  readonly name: string;
  readonly group: string;
  readonly digest: Digest;
  /** RFC 3339. */
  readonly createdAt?: string;
  readonly blobs: readonly Digest[];
}

/** A tree whose entries are records, each naming its blobs. */
interface RecordTree {
  readonly type: EntryType;
  readonly root: string;
  /** How many folders deep the records lie. */
  readonly depth: number;
  /** @returns undefined for a record that is broken, or is not that of the folder */
  readonly describe: (text: string, folder: Folder, parents: readonly string[]) =>
    | Description
    | undefined;
}

/** Reads the packages, the builds and the compiled code. */
export function readRecordEntries(
  layout: Layout,
  now: number,
  contents: Contents,
  strays: StrayFiles,
): UnsizedEntry[] {
  return recordTrees(layout).flatMap((tree) => {
    const found: UnsizedEntry[] = [];
    const walk = (folder: Folder, parents: readonly string[]) => {
      const path = [...parents, folder.name];
      if (path.length < tree.depth) {
        putFiles(folder, false, strays);
        for (const child of folder.folders) walk(child, path);
      } else if (folder.files.has(RECORD_FILE) || folder.files.has(PIN_FILE)) {
        found.push(readEntry(tree, folder, path, now, contents));
      }
    };
    for (const folder of readTree(tree.root, strays)) walk(folder, []);
    return found;
  });
}

function recordTrees(layout: Layout): RecordTree[] {
  return [
    { type: "package", root: layout.packages, depth: 4, describe: describePackage(layout) },
    { type: "build", root: layout.builds, depth: 1, describe: describeBuild(layout) },
    { type: "build", root: layout.oldBuilds, depth: 1, describe: describeBuild(layout) },
    { type: "compiled", root: layout.compiled, depth: 2, describe: describeCompiled(layout) },
  ];
}

function describePackage(layout: Layout): RecordTree["describe"] {
  return (text, folder) => {
    const record = parsePackageRecord(text);
    if (!record) return undefined;
    const { source, name, version, arch, digest, createdAt } = record;
    if (layout.packageFolder(source, name, version, arch) !== folder.path) return undefined;
    return {
      name: packageName(record),
      group: [source, name, arch].join("/"),
      digest,
      createdAt,
      blobs: [digest],
    };
  };
}

function describeBuild(layout: Layout): RecordTree["describe"] {
  return (text, folder) => {
    const record = parseBuildRecord(text);
    if (!record || layout.fileName(record.specification) !== folder.name) return undefined;
    const { name, specification, digest, createdAt } = record;
    return {
      name: `${name}@${specification}`,
      group: name,
      digest,
      createdAt,
      blobs: [digest],
    };
  };
}

function describeCompiled(layout: Layout): RecordTree["describe"] {
  return (text, folder, path) => {
    const files = parseCompiledRecord(text);
    const component = layout.digestOfName(path[0]!);
    if (!files || !component || !layout.isEngine(folder.name)) return undefined;
    return {
      name: `${component}/${folder.name}`,
      group: component,
      digest: component,
      blobs: files.map(({ digest }) => digest),
    };
  };
}

function readEntry(
  tree: RecordTree,
  folder: Folder,
  path: readonly string[],
  now: number,
  contents: Contents,
): UnsizedEntry {
  const text = readTextIfAny(folder.path + sep + RECORD_FILE);
  const description = text === undefined ? undefined : tree.describe(text, folder, path);
  const isFromNewerVersion = text !== undefined && !description && isNewerFormat(text);
  const stampFile = text === undefined ? PIN_FILE : RECORD_FILE;
  const stamp = stampOf(folder, stampFile);
  const places: number[] = [];
  for (const digest of description?.blobs ?? []) contents.markBlob(digest, places);
  const lastUsed = clamp(stamp?.modified, now);
  const { createdAt } = description ?? {};
  return {
    type: tree.type,
    name: description?.name ?? path.join("/"),
    group: description?.group ?? path.slice(0, -1).join("/"),
    digest: description?.digest,
    folder: folder.path,
    createdAt: Math.min(clamp(createdAt ? Date.parse(createdAt) : stamp?.created, now), lastUsed),
    lastUsed,
    stamp: stamp?.modified ?? 0,
    stampFile,
    pin: ownPin(folder),
    writtenBy: "larder",
    record: undefined,
    problem: description
      ? undefined
      : isFromNewerVersion
      ? NEWER_VERSION
      : "its record is missing or damaged",
    isFromNewerVersion,
    ownFiles: [...folder.files],
    ownSize: sizeOf(folder, folder.files),
    references: ascending(places),
  };
}
