import type { Digest } from "../oci/digest.ts";
import { buildName, keyBlobOf, parseBuildRecord } from "../store/entries/build_record.ts";
import { parseCompiledRecord } from "../store/entries/compiled_record.ts";
import { packageName, parsePackageRecord } from "../store/entries/package_record.ts";
import { isNewerFormat } from "../store/json.ts";
import { type Layout, PIN_FILE, RECORD_FILE } from "../store/layout.ts";
import {
  entryTimes,
  NEWER_VERSION,
  readOwnPin,
  sizeOf,
  sortedUnique,
  UNREADABLE,
  type UnsizedEntry,
} from "./entry.ts";
import { addStrayFiles, type Folder, readEntryFile, readTimes, readTree } from "./entry_folders.ts";
import type { Reading } from "./reading.ts";
import type { EntryType } from "./types.ts";

const decoder = new TextDecoder();

/** What a record states about its entry. */
interface Description {
  readonly name: string;
  readonly group: string;
  readonly digest: Digest;
  /** RFC 3339. */
  readonly createdAt?: string;
  readonly blobs: readonly Digest[];
}

/** A tree whose entries are records, each of which names its blobs. */
interface RecordTree {
  readonly type: EntryType;
  readonly root: string;
  /** The number of folders between the root and a record. */
  readonly depth: number;
  /** Returns undefined for a record that cannot be parsed or that belongs to another folder. */
  readonly describe: (text: string, folder: Folder, path: readonly string[]) =>
    | Description
    | undefined;
}

/** Reads the packages, the builds and the compiled code. */
export function readRecordEntries(
  reading: Reading,
  progressed?: (entries: number) => void,
): UnsizedEntry[] {
  const { layout, contents, strays } = reading;
  const entries: UnsizedEntry[] = [];
  for (const tree of recordTrees(layout)) {
    const walk = (folder: Folder, parents: readonly string[]) => {
      const path = [...parents, folder.name];
      if (path.length < tree.depth) {
        addStrayFiles(folder, false, strays);
        for (const child of folder.folders) walk(child, path);
      } else if (folder.files.has(RECORD_FILE) || folder.files.has(PIN_FILE)) {
        const read = () => [readEntry(tree, folder, path, reading)];
        entries.push(...contents.unreadable.attempt(folder.path, read, []));
        progressed?.(entries.length);
      }
    };
    for (const folder of readTree(tree.root, strays)) walk(folder, []);
  }
  return entries;
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
    const group = [source, name, arch].join("/");
    return { name: packageName(record), group, digest, createdAt, blobs: [digest] };
  };
}

function describeBuild(layout: Layout): RecordTree["describe"] {
  return (text, folder) => {
    const record = parseBuildRecord(text);
    if (!record || layout.fileName(record.specification) !== folder.name) return undefined;
    const { name, digest, createdAt } = record;
    const blobs = [digest, ...keyBlobOf(record) ? [record.specification] : []];
    return { name: buildName(record), group: name, digest, createdAt, blobs };
  };
}

function describeCompiled(layout: Layout): RecordTree["describe"] {
  return (text, folder, path) => {
    const files = parseCompiledRecord(text);
    const component = layout.digestOfName(path[0]!);
    if (!files || !component || !layout.isEngine(folder.name)) return undefined;
    const name = `${component}/${folder.name}`;
    const blobs = files.map(({ digest }) => digest);
    return { name, group: component, digest: component, blobs };
  };
}

function readEntry(
  tree: RecordTree,
  folder: Folder,
  path: readonly string[],
  { now, contents }: Reading,
): UnsizedEntry {
  const bytes = readEntryFile(folder, RECORD_FILE, contents.unreadable);
  const text = bytes && decoder.decode(bytes);
  const description = text === undefined ? undefined : tree.describe(text, folder, path);
  const isFromNewerVersion = text !== undefined && !description && isNewerFormat(text);
  const isUnreadable = text === undefined && folder.files.has(RECORD_FILE);
  const damage = isFromNewerVersion
    ? NEWER_VERSION
    : isUnreadable
    ? UNREADABLE
    : "its record is missing or damaged";
  const stampFile = folder.files.has(RECORD_FILE) ? RECORD_FILE : PIN_FILE;
  const times = readTimes(folder, stampFile);
  const ids: number[] = [];
  for (const digest of description?.blobs ?? []) contents.markBlob(digest, ids);
  const { createdAt } = description ?? {};
  return {
    type: tree.type,
    name: description?.name ?? path.join("/"),
    group: description?.group ?? path.slice(0, -1).join("/"),
    digest: description?.digest,
    folder: folder.path,
    ...entryTimes(times, createdAt ? [Date.parse(createdAt)] : [], now),
    stampFile,
    pin: readOwnPin(folder, contents.unreadable),
    writtenBy: "larder",
    record: undefined,
    problem: description ? undefined : damage,
    isFromNewerVersion,
    isUnlisted: false,
    ownFiles: [...folder.files],
    ownSize: sizeOf(folder, folder.files),
    references: sortedUnique(ids),
  };
}
