/** A thread that looks at files. */
import { looseFile } from "../file_state.ts";

/** What it is told: paths of files. */
export type LookRequest = readonly string[];

/** What it answers: two numbers of each file, its size and its mtime; NaN for one that is gone. */
export type LookAnswer = Float64Array<ArrayBuffer>;

/** The part of a worker's global scope that is used here; Deno's own types are those of the main thread. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<LookRequest>) => void) | null;
  postMessage(answer: LookAnswer, transfer: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: paths }) => {
  const answer = new Float64Array(2 * paths.length).fill(NaN);
  for (const [i, path] of paths.entries()) {
    const file = looseFile(path);
    if (file) answer.set([file.size, file.mtime], 2 * i);
  }
  scope.postMessage(answer, [answer.buffer]);
};
