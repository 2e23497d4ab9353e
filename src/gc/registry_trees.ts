import { sep } from "node:path";
import { READ_AHEAD_FROM, TREES_AHEAD } from "../base/defaults.ts";
import { statIfAny } from "../base/files.ts";
import type { Layout } from "../store/layout.ts";
import { type Folder, listTree, type Oddments, readSubtree } from "./folders.ts";
import type { TreeAnswer, TreeRequest } from "./tree_worker.ts";

/** A folder of `manifests/`. */
interface Registry {
  /** As its folder is called. */
  readonly name: string;
  readonly path: string;
  readonly names: readonly string[];
  readonly hasFiles: boolean;
}

/**
 * The trees of `manifests/`: one of each first part of a repository's name. Where there is much to read, a thread
 * reads them ahead, and the files that every entry needs with them: what a survey takes is for the most part the
 * system's calls.
 */
export class RegistryTrees implements Disposable {
  readonly #registries: readonly Registry[];
  readonly #ahead: ReadingThread | undefined;

  /**
   * Lists them, and may begin to read them.
   * @param oddments takes what is none
   * @param isAhead whether a thread reads them
   */
  constructor(layout: Layout, oddments: Oddments, isAhead = isLarge(layout)) {
    this.#registries = listTree(layout.manifests, oddments).names.map((name) => {
      const path = layout.manifests + sep + name;
      return { name, path, ...listTree(path, oddments) };
    });
    if (isAhead) this.#ahead = new ReadingThread(this.#registries.flatMap(requestsFor));
  }

  /** Gives each of them. @throws LarderError LDR_DISK* */
  async *read(oddments: Oddments): AsyncGenerator<{ registry: string; folder: Folder }> {
    for (const { name: registry, path, names, hasFiles } of this.#registries) {
      let isEmpty = !hasFiles;
      for (const name of names) {
        const folder = await this.#next(oddments) ?? readSubtree(path, name, oddments);
        isEmpty &&= folder.isEmpty;
        yield { registry, folder };
      }
      if (isEmpty) oddments.emptyFolders.push(path);
    }
  }

  [Symbol.dispose](): void {
    this.#ahead?.[Symbol.dispose]();
  }

  /** What the thread has read. What it could not read is read once more here, where the error says what to do. */
  async #next(oddments: Oddments): Promise<Folder | undefined> {
    const tree = await this.#ahead?.next();
    if (!tree) return undefined;
    oddments.rubbish.push(...tree.oddments.rubbish);
    oddments.foreign.push(...tree.oddments.foreign);
    oddments.emptyFolders.push(...tree.oddments.emptyFolders);
    return tree.folder;
  }
}

function requestsFor({ path, names }: Registry): TreeRequest[] {
  return names.map((name) => ({ path, name }));
}

/** A thread that reads trees in their order, some ahead: what it has read and nobody has looked through takes memory. */
class ReadingThread implements Disposable {
  readonly #worker: Worker;
  readonly #requests: TreeRequest[];
  /** Of what was asked for and nobody has taken. */
  readonly #answers: Promise<TreeAnswer>[] = [];
  /** Of what was asked for and has not come. */
  readonly #waiting: ((answer: TreeAnswer) => void)[] = [];
  #hasFailed = false;

  constructor(requests: readonly TreeRequest[]) {
    this.#requests = [...requests];
    this.#worker = new Worker(new URL("./tree_worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<TreeAnswer>) => this.#waiting.shift()!(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#hasFailed = true;
      for (const give of this.#waiting.splice(0)) give(undefined);
    };
    for (let i = 0; i < TREES_AHEAD; i++) this.#ask();
  }

  /** The next tree; undefined if it could not be read. */
  async next(): Promise<TreeAnswer> {
    this.#ask();
    return await this.#answers.shift()!;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }

  #ask(): void {
    const request = this.#requests.shift();
    if (!request) return;
    const { promise, resolve } = Promise.withResolvers<TreeAnswer>();
    this.#answers.push(promise);
    if (this.#hasFailed) return resolve(undefined);
    this.#waiting.push(resolve);
    this.#worker.postMessage(request);
  }
}

/**
 * Whether a thread is worth its start. A folder's own size tells roughly how much is in it, on most file systems;
 * where it does not, the survey only takes longer.
 */
function isLarge(layout: Layout): boolean {
  return (statIfAny(layout.tree("data"))?.size ?? 0) >= READ_AHEAD_FROM;
}
