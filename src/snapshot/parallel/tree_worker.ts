/** The reading thread of a survey: reads trees of entries ahead, with the files that entries need. */
import { type Oddments, readSubtree } from "../entry_folders.ts";
import { buffersOf, type PackedTree, packTree } from "./tree_codec.ts";
import { readAlong } from "../read_entry_files.ts";

/** What it is told: the tree to read. */
export interface TreeRequest {
  readonly path: string;
  readonly name: string;
}

/** What it answers, tree by tree: undefined where it could not be read. The buffers are handed over. */
export type TreeAnswer = { readonly tree: PackedTree; readonly oddments: Oddments } | undefined;

/** The part of a worker's global scope that is used here; Deno's own types are those of the main thread. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<TreeRequest>) => void) | null;
  postMessage(answer: TreeAnswer, transfer: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: { path, name } }) => {
  const oddments: Oddments = { rubbish: [], foreign: [], emptyFolders: [] };
  try {
    const tree = packTree(readAlong(readSubtree(path, name, oddments)));
    scope.postMessage({ tree, oddments }, buffersOf(tree));
  } catch {
    scope.postMessage(undefined, []);
  }
};
