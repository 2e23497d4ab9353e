import type { StateLocations } from "./locations.ts";
import type { StateThreadMessage } from "./state_worker.ts";

/** The key-value stores and databases of a run. Their thread is started when the first guest opens one. */
export class GuestState implements Disposable {
  readonly #files: readonly string[];
  readonly #onFault: (message: string) => void;
  #worker: Worker | undefined;
  #lastId = 0;
  #isClosed = false;

  /**
   * @param files the files of all stores, whose folders exist
   * @param onFault called with one line if the thread fails
   */
  constructor(files: readonly string[], onFault: (message: string) => void) {
    this.#files = files;
    this.#onFault = onFault;
  }

  /**
   * Serves the requests of a guest's thread that arrive at the port.
   * @returns a function to be called when the guest's thread has ended, which rolls its transactions back
   */
  serve(port: MessagePort, locations: StateLocations): () => void {
    if (this.#isClosed) return () => {};
    const id = ++this.#lastId;
    this.#worker ??= this.#start();
    this.#post({ type: "serve", id, port, locations }, [port]);
    return () => this.#post({ type: "end", id });
  }

  /** Ends the thread; what was committed stays. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#worker?.terminate();
  }

  #post(message: StateThreadMessage, transfer: Transferable[] = []): void {
    if (!this.#isClosed) this.#worker!.postMessage(message, transfer);
  }

  #start(): Worker {
    const files = this.#files.length > 0 ? [...this.#files] : false;
    const worker = new Worker(new URL("./state_worker.ts", import.meta.url), {
      type: "module",
      deno: {
        permissions: {
          read: files,
          write: files,
          net: false,
          env: false,
          run: false,
          ffi: false,
          sys: false,
          import: false,
        },
      },
    });
    worker.onerror = (event) => {
      event.preventDefault();
      this.#onFault(`the thread of the stores has failed: ${event.message}`);
    };
    return worker;
  }
}
