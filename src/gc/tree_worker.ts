/** The reading thread of a survey: reads trees of entries ahead, with the files that every entry needs. */
import { sep } from "node:path";
import { readBytesIfAny } from "../base/files.ts";
import { digestOf } from "../oci/hash.ts";
import { MANIFEST_FILE, RECORD_FILE } from "../store/layout.ts";
import { type Folder, type Oddments, type ReadFile, readSubtree, stampAt } from "./folders.ts";

/** What it is told: the tree to read. */
export interface TreeRequest {
  readonly path: string;
  readonly name: string;
}

/** What it answers, tree by tree: undefined where it could not be read. The files' bytes are handed over. */
export type TreeAnswer = { readonly folder: Folder; readonly oddments: Oddments } | undefined;

/** The part of a worker's global scope that is used here; Deno's own types are those of the main thread. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<TreeRequest>) => void) | null;
  postMessage(answer: TreeAnswer, transfer: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: { path, name } }) => {
  const oddments: Oddments = { rubbish: [], foreign: [], emptyFolders: [] };
  const buffers: ArrayBuffer[] = [];
  const along = (folder: Folder) => {
    const read = filesOf(folder);
    for (const { bytes } of read?.values() ?? []) buffers.push(bytes.buffer);
    return read;
  };
  try {
    const folder = readSubtree(path, name, oddments, along);
    scope.postMessage({ folder, oddments }, buffers);
  } catch {
    scope.postMessage(undefined, []);
  }
};

/** A record, and the manifest of a tag: that of a digest is needed only if it differs from the tag's. */
function filesOf(folder: Folder): ReadonlyMap<string, ReadFile> | undefined {
  const { files, name } = folder;
  const isDigest = /^sha\d+[:_]/.test(name);
  const read = new Map<string, ReadFile>();
  if (files.has(RECORD_FILE)) {
    const path = folder.path + sep + RECORD_FILE;
    const stamp = stampAt(path);
    const bytes = readBytesIfAny(path);
    if (bytes) read.set(RECORD_FILE, { bytes, stamp });
  }
  if (files.has(MANIFEST_FILE) && !isDigest) {
    const bytes = readBytesIfAny(folder.path + sep + MANIFEST_FILE);
    if (bytes) read.set(MANIFEST_FILE, { bytes, digest: digestOf(bytes) });
  }
  return read.size > 0 ? read : undefined;
}
