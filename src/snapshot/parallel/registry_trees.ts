import { sep } from "node:path";
import { sleep } from "../../base/concurrency.ts";
import { READ_AHEAD_FROM, TREES_AHEAD, TREES_AT_FIRST } from "../../base/defaults.ts";
import { statIfAny } from "../../base/files.ts";
import type { Layout } from "../../store/layout.ts";
import { type Folder, listTree, type Oddments, readSubtree } from "../entry_folders.ts";
import { unpackTree } from "./tree_codec.ts";
import { readAlong } from "../read_entry_files.ts";
import type { TreeAnswer, TreeRequest } from "./tree_worker.ts";

/** A tree of entries: a folder in that of a registry, which has the first part of the names of repositories. */
interface Tree {
  readonly registry: Registry;
  readonly name: string;
}

/** A folder of `manifests/`. */
interface Registry {
  /** As its folder is called. */
  readonly name: string;
  readonly path: string;
  /** Whether nothing was found in it. */
  isEmpty: boolean;
}

/**
 * The trees of `manifests/`, with the files that their entries need. Where there is much to read, a thread reads them
 * too: what a survey takes is for the most part the system's calls.
 */
export class RegistryTrees implements Disposable {
  readonly #registries: Registry[] = [];
  readonly #trees: Tree[] = [];
  readonly #thread: ReadingThread | undefined;

  /**
   * Lists them, and may begin to read them.
   * @param oddments takes what is none
   * @param hasThread whether a thread reads them
   */
  constructor(layout: Layout, oddments: Oddments, hasThread = isLarge(layout)) {
    for (const name of listTree(layout.manifests, oddments).names) {
      const path = layout.manifests + sep + name;
      const { names, hasFiles } = listTree(path, oddments);
      const registry = { name, path, isEmpty: !hasFiles };
      this.#registries.push(registry);
      this.#trees.push(...names.map((name) => ({ registry, name })));
    }
    if (hasThread) this.#thread = new ReadingThread(this.#trees);
  }

  /** Gives each of them, in any order. @throws LarderError LDR_DISK* */
  async *read(oddments: Oddments): AsyncGenerator<{ registry: string; folder: Folder }> {
    for (;;) {
      const read = await this.#thread?.next();
      const tree = read?.tree ?? this.#trees.pop();
      if (!tree) break;
      const { registry, name } = tree;
      const folder = read?.answer
        ? unpack(read.answer, registry.path, oddments)
        : readAlong(readSubtree(registry.path, name, oddments));
      registry.isEmpty &&= folder.isEmpty;
      yield { registry: registry.name, folder };
    }
    const empty = this.#registries.filter(({ isEmpty }) => isEmpty);
    oddments.emptyFolders.push(...empty.map(({ path }) => path));
  }

  [Symbol.dispose](): void {
    this.#thread?.[Symbol.dispose]();
  }
}

/** What a thread has read. */
function unpack(answer: NonNullable<TreeAnswer>, parent: string, oddments: Oddments): Folder {
  oddments.rubbish.push(...answer.oddments.rubbish);
  oddments.foreign.push(...answer.oddments.foreign);
  oddments.emptyFolders.push(...answer.oddments.emptyFolders);
  return unpackTree(answer.tree, parent);
}

/**
 * A thread that reads trees, a few ahead: what it has read and nobody has looked through takes memory.
 */
class ReadingThread implements Disposable {
  readonly #worker: Worker;
  readonly #trees: Tree[];
  /** What was asked for and nobody has taken, … */
  readonly #asked: Tree[] = [];
  /** … as far as it has come, in the same order, … */
  readonly #answers: TreeAnswer[] = [];
  /** … and who waits for the next. */
  #wake = () => {};
  #hasFailed = false;

  /** @param trees from whose front it takes; nobody else is to take more than the last */
  constructor(trees: Tree[]) {
    this.#trees = trees;
    this.#worker = new Worker(new URL("./tree_worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<TreeAnswer>) => {
      this.#answers.push(data);
      this.#wake();
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#hasFailed = true;
      this.#wake();
    };
    this.#ask(TREES_AT_FIRST);
  }

  /**
   * The next tree that it was asked for; without an answer if it could not read it. Undefined if it is behind, and
   * others are left that it has not been asked for.
   */
  async next(): Promise<{ tree: Tree; answer: TreeAnswer } | undefined> {
    this.#ask(TREES_AHEAD);
    if (this.#answers.length === 0) await sleep(0);
    if (this.#answers.length === 0 && this.#trees.length > 0) return undefined;
    while (this.#answers.length === 0 && this.#asked.length > 0 && !this.#hasFailed) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const tree = this.#asked.shift();
    return tree && { tree, answer: this.#answers.shift() };
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }

  /** @param ahead so many are to be on their way */
  #ask(ahead: number): void {
    while (this.#asked.length < ahead && this.#trees.length > 0) {
      const tree = this.#trees.shift()!;
      this.#asked.push(tree);
      const request: TreeRequest = { path: tree.registry.path, name: tree.name };
      if (!this.#hasFailed) this.#worker.postMessage(request);
    }
  }
}

/**
 * Whether a thread is worth its start. A folder's own size tells roughly how much is in it, on most file systems;
 * where it does not, the survey only takes longer.
 */
function isLarge(layout: Layout): boolean {
  return (statIfAny(layout.tree("data"))?.size ?? 0) >= READ_AHEAD_FROM;
}
