import { WasiError } from "../errors.ts";

const REASON = "larder does not have this interface";

/** The error with which each call of an interface fails, for interfaces of Spin 4 that larder does not have. */
const ERRORS: Readonly<Record<string, { readonly tag: string; readonly val: string }>> = {
  "spin:key-value/key-value": { tag: "other", val: REASON },
  "spin:mqtt/mqtt": { tag: "other", val: REASON },
  "spin:mysql/mysql": { tag: "other", val: REASON },
  "spin:postgres/postgres": { tag: "other", val: REASON },
  "spin:redis/redis": { tag: "other", val: REASON },
  "spin:sqlite/sqlite": { tag: "io", val: REASON },
};

/**
 * The asynchronous interfaces of Spin 4: its variables, and others whose calls fail, so that a program that imports
 * them and calls nothing of them, as those of Spin's Python SDK do, runs.
 */
export function spinImports(variables: object): Record<string, object> {
  return {
    ...Object.fromEntries(Object.entries(ERRORS).map(([name, error]) => [name, stub(error)])),
    "spin:variables/variables": variables,
  };
}

/** Returns an interface of which each function fails, as do the static functions of its resources. */
function stub(error: object): object {
  const fail = () => {
    throw new WasiError(error);
  };
  const resource = new Proxy(class Resource {}, {
    get: (target, key) => {
      return key in target || typeof key === "symbol" ? Reflect.get(target, key) : fail;
    },
  });
  return new Proxy({}, {
    has: () => true,
    // The classes of resources begin with a capital letter.
    get: (_, key) => typeof key === "string" && /^[A-Z]/.test(key) ? resource : fail,
  });
}
