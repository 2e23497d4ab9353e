/** The part of a worker's global scope that larder uses. Deno's own types are those of the main thread. */
export interface WorkerScope<Request, Answer> {
  onmessage: ((event: MessageEvent<Request>) => void) | null;
  postMessage(answer: Answer, transfer?: Transferable[]): void;
}

/** Returns the global scope of the worker that this runs in. */
export function workerScope<Request, Answer>(): WorkerScope<Request, Answer> {
  return globalThis as unknown as WorkerScope<Request, Answer>;
}
