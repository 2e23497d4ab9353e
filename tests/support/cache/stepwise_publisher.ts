/**
 * A thread that publishes images as a tag, and stops before each call to the file system until the test lets it
 * continue. Start it with {@link StepwisePublisher}.
 */
import { join } from "node:path";
import { type ImageManifest, parseManifest } from "../../../src/oci/manifest.ts";
import { parseReference } from "../../../src/oci/reference.ts";
import type { EntryRecord } from "../../../src/store/entries/app_record.ts";
import { Layout } from "../../../src/store/layout.ts";
import { ManifestStore } from "../../../src/store/manifest_store.ts";
import { betweenCalls } from "./fs_calls.ts";

interface Order {
  readonly root: string;
  readonly record: EntryRecord;
  /** Of the manifest, which must be in the folder of its digest. */
  readonly bytes: Uint8Array;
  /** Changes when the thread may continue. */
  readonly turn: SharedArrayBuffer;
}

/** Publishes in a thread of its own, so that its lock excludes that of the test as another process does. */
export class StepwisePublisher implements Disposable {
  readonly #worker = new Worker(import.meta.url, { type: "module" });
  readonly #turn = new SharedArrayBuffer(4);

  /**
   * Publishes an image.
   * @param between is called before each call to the file system; the thread continues at once when it returns
   */
  async publish(
    layout: Layout,
    { bytes }: ImageManifest,
    record: EntryRecord,
    between: () => Promise<void>,
  ): Promise<void> {
    const turn = new Int32Array(this.#turn);
    const order: Order = { root: layout.root, record, bytes, turn: this.#turn };
    await new Promise<void>((resolve, reject) => {
      this.#worker.onerror = ({ message }) => reject(new Error(message));
      this.#worker.onmessage = ({ data }) => {
        if (data === "published") return resolve();
        between().then(() => {
          Atomics.add(turn, 0, 1);
          Atomics.notify(turn, 0);
        }, reject);
      };
      this.#worker.postMessage(order);
    });
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/** True if a process or thread holds the lock of the entry in a folder. */
export function isLocked(folder: string): boolean {
  try {
    using file = Deno.openSync(join(folder, "record.json.tmp"), { read: true });
    return !file.tryLockSync(false);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The global scope of a thread, whose type is in no library that the tests use. */
const thread = globalThis as unknown as {
  postMessage?(message: string): void;
  onmessage: (event: MessageEvent<Order>) => void;
};

thread.onmessage = async ({ data: { root, record, bytes, turn } }) => {
  const manifests = new ManifestStore(new Layout(root));
  const manifest = parseManifest(new Uint8Array(bytes), record.reference) as ImageManifest;
  const wait = () => {
    const current = Atomics.load(new Int32Array(turn), 0);
    thread.postMessage!("waiting");
    Atomics.wait(new Int32Array(turn), 0, current);
  };
  const reference = parseReference(record.reference);
  await betweenCalls(wait, () => manifests.publishEntry(reference, manifest, () => record));
  thread.postMessage!("published");
};
