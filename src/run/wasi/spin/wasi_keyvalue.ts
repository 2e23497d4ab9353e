import { StateFailure } from "../../state/messages.ts";
import { KEY_VALUE_DRAFT as DRAFT } from "../../wasm/interfaces/spin_interfaces.ts";
import { WasiError } from "../errors.ts";
import {
  AnyStore,
  type InstanceStores,
  keyValueError,
  type OpenStore,
  orKeyValueError,
} from "./key_value.ts";

/** The label of an app's usual store. */
const DEFAULT_LABEL = "default";

type Entry = [key: string, value: Uint8Array];

/** `key-response` of `wasi:keyvalue/store`. */
interface KeyResponse {
  readonly keys: readonly string[];
  readonly cursor: undefined;
}

/** `bucket` of `wasi:keyvalue/store`. */
class Bucket extends AnyStore {
  /** Returns all keys at once: Spin has no cursors either. */
  async listKeys(cursor: string | undefined): Promise<KeyResponse> {
    if (cursor !== undefined) throw otherError("list_keys: cursor not supported");
    return { keys: await this.keys(), cursor };
  }
}

/** `cas` of `wasi:keyvalue/atomics`. */
class Cas {
  readonly #store: OpenStore;
  readonly #key: string;
  /** The value that {@link current} has read. */
  #old: Uint8Array | undefined;

  constructor(store: OpenStore, key: string) {
    this.#store = store;
    this.#key = key;
  }

  // deno-lint-ignore no-misused-new -- the name of WIT
  static new(bucket: Bucket, key: string): Cas {
    return new Cas(Bucket.storeOf(bucket), key);
  }

  async current(): Promise<Uint8Array | undefined> {
    return this.#old = await orKeyValueError(this.#store.request("get", { key: this.#key }));
  }

  /** @throws WasiError with `cas-failed` and a new `cas` if the value has changed, or `store-error` */
  static async swap(cas: Cas, value: Uint8Array): Promise<void> {
    const params = { key: cas.#key, old: cas.#old, value };
    try {
      if (await cas.#store.request("swap", params)) return;
      const next = new Cas(cas.#store, cas.#key);
      next.#old = await cas.#store.request("get", { key: cas.#key });
      throw new WasiError({ tag: "cas-failed", val: next });
    } catch (error) {
      if (!(error instanceof StateFailure)) throw error;
      throw new WasiError({ tag: "store-error", val: keyValueError(error) });
    }
  }
}

/**
 * `wasi:keyvalue` in the version 0.2.0-draft2, which Spin has, and 0.2.0-draft, which Wasmtime has. Sources: Spin's
 * spin-factor-key-value crate, the WIT of wasmtime-wasi-keyvalue.
 */
export function wasiKeyValueImports(stores: InstanceStores): Record<string, object> {
  const { storeOf } = Bucket;
  const open = async (identifier: string) => {
    const store = await orKeyValueError(stores.open(identifier));
    if (!store) throw otherError("store table full");
    return new Bucket(store);
  };
  // Only the entries that exist, as in Spin.
  const getMany = async (bucket: Bucket, keys: readonly string[]): Promise<readonly Entry[]> =>
    await orKeyValueError(storeOf(bucket).request("getMany", { keys })) as readonly Entry[];
  const batch = {
    setMany: (bucket: Bucket, entries: readonly Entry[]) =>
      orKeyValueError(storeOf(bucket).request("setMany", { entries })),
    deleteMany: (bucket: Bucket, keys: readonly string[]) =>
      orKeyValueError(storeOf(bucket).request("delete", { keys })),
  };
  const increment = (bucket: Bucket, key: string, delta: bigint) =>
    orKeyValueError(storeOf(bucket).request("increment", { key, delta }));
  return {
    "wasi:keyvalue/store": { Bucket, open },
    "wasi:keyvalue/batch": { ...batch, getMany },
    "wasi:keyvalue/atomics": {
      Cas,
      increment,
      swap: (cas: Cas, value: Uint8Array) => Cas.swap(cas, value),
    },
    // The only store of Wasmtime has an empty name.
    [`wasi:keyvalue/store@${DRAFT}`]: {
      Bucket,
      open: (identifier: string) => open(identifier || DEFAULT_LABEL),
    },
    [`wasi:keyvalue/batch@${DRAFT}`]: {
      ...batch,
      getMany: async (bucket: Bucket, keys: readonly string[]) => {
        const found = new Map(await getMany(bucket, keys));
        return keys.map((key): Entry | undefined => {
          const value = found.get(key);
          return value && [key, value];
        });
      },
    },
    [`wasi:keyvalue/atomics@${DRAFT}`]: { increment },
  };
}

function otherError(message: string): WasiError {
  return new WasiError({ tag: "other", val: message });
}
