/** The part of a worker's global scope that larder uses; the types that Deno declares are those of the main thread. */
export interface WorkerScope<Request, Answer> {
  onmessage: ((event: MessageEvent<Request>) => void) | null;
  postMessage(answer: Answer, transfer?: Transferable[]): void;
}

/** Returns the global scope of the current worker. */
export function workerScope<Request, Answer>(): WorkerScope<Request, Answer> {
  return globalThis as unknown as WorkerScope<Request, Answer>;
}
