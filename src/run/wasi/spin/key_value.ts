import { StateFailure, type StateRequests, type StateRequestType } from "../../state/messages.ts";
import { WasiError } from "../errors.ts";
import { failedStream, OK, type Outcome } from "../preview3/streams.ts";
import type { InstanceResources } from "../resources.ts";
import type { StateClient } from "./state_client.ts";

/** `error` of `fermyon:spin/key-value`. */
type KeyValueError =
  | { readonly tag: "store-table-full" | "no-such-store" | "access-denied" }
  | { readonly tag: "other"; readonly val: string };

/** Limit on the stores that an instance holds open. Source: Spin's `DEFAULT_STORE_TABLE_CAPACITY`. */
export const MAX_STORES = 256;

/** The key-value stores of one instance. */
export class InstanceStores {
  readonly #client: StateClient;
  readonly #resources: InstanceResources;
  #openCount = 0;

  constructor(client: StateClient, resources: InstanceResources) {
    this.#client = client;
    this.#resources = resources;
  }

  /**
   * Opens a store, which counts until it is disposed of.
   * @throws StateFailure; undefined if the instance holds {@link MAX_STORES}
   */
  async open(label: string): Promise<OpenStore | undefined> {
    await this.#client.request("open", { store: label });
    if (this.#openCount >= MAX_STORES) return undefined;
    this.#openCount++;
    const store = new OpenStore(label, this.#client, () => {
      this.#openCount--;
      this.#resources.release(store);
    });
    this.#resources.hold(store);
    return store;
  }
}

/** An open key-value store. */
export class OpenStore implements Disposable {
  readonly #label: string;
  readonly #client: StateClient;
  readonly #onClose: () => void;

  constructor(label: string, client: StateClient, onClose: () => void) {
    this.#label = label;
    this.#client = client;
    this.#onClose = onClose;
  }

  /** @throws StateFailure */
  request<T extends StateRequestType>(
    type: T,
    params: Omit<StateRequests[T]["params"], "store">,
  ): Promise<StateRequests[T]["result"]> {
    const withStore = { ...params, store: this.#label } as StateRequests[T]["params"];
    return this.#client.request(type, withStore);
  }

  [Symbol.dispose](): void {
    this.#onClose();
  }
}

/** What `store` of Spin and `bucket` of WASI have in all versions. */
export class AnyStore implements Disposable {
  readonly #store: OpenStore;

  constructor(store: OpenStore) {
    this.#store = store;
  }

  static storeOf(store: AnyStore): OpenStore {
    return store.#store;
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return orKeyValueError(this.#store.request("get", { key }));
  }

  set(key: string, value: Uint8Array): Promise<void> {
    return orKeyValueError(this.#store.request("set", { key, value }));
  }

  delete(key: string): Promise<void> {
    return orKeyValueError(this.#store.request("delete", { keys: [key] }));
  }

  exists(key: string): Promise<boolean> {
    return orKeyValueError(this.#store.request("exists", { key }));
  }

  protected keys(): Promise<readonly string[]> {
    return orKeyValueError(this.#store.request("keys", {}));
  }

  [Symbol.dispose](): void {
    this.#store[Symbol.dispose]();
  }
}

/** `fermyon:spin/key-value`. Source: Spin's spin-factor-key-value crate. */
export function keyValueImports(stores: InstanceStores): Record<string, object> {
  class Store extends AnyStore {
    static async open(label: string): Promise<Store> {
      return new Store(await openStore(stores, label));
    }

    getKeys(): Promise<readonly string[]> {
      return this.keys();
    }
  }
  return { "fermyon:spin/key-value": { Store } };
}

/** `spin:key-value`, whose functions are asynchronous. Source: Spin's spin-factor-key-value crate. */
export function asyncKeyValueImports(stores: InstanceStores): Record<string, object> {
  class Store extends AnyStore {
    static async open(label: string): Promise<Store> {
      return new Store(await openStore(stores, label));
    }

    /** Returns the keys as a stream, and the future that tells how it ends. */
    async getKeys(): Promise<[readonly string[], Promise<Outcome<KeyValueError>>]> {
      try {
        return [await this.keys(), Promise.resolve(OK)];
      } catch (error) {
        if (!(error instanceof WasiError)) throw error;
        return failedStream(error.payload as KeyValueError);
      }
    }
  }
  return { "spin:key-value/key-value": { Store } };
}

async function openStore(stores: InstanceStores, label: string): Promise<OpenStore> {
  const store = await orKeyValueError(stores.open(label));
  if (!store) throw new WasiError<KeyValueError>({ tag: "store-table-full" });
  return store;
}

/** @throws WasiError with the `error` of a failure */
export async function orKeyValueError<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw error instanceof StateFailure ? new WasiError(keyValueError(error)) : error;
  }
}

/** Returns the `error` of a failure, which `wasi:keyvalue/store` has, too. */
export function keyValueError({ code, message }: StateFailure): KeyValueError {
  return code === "access-denied" ? { tag: code } : { tag: "other", val: message };
}
