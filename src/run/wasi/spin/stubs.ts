import { WasiError } from "../errors.ts";

const REASON = "larder does not have this interface";

/**
 * The `error` with which each call of a missing interface fails, by the name that it is imported by. A program
 * that imports an interface and calls nothing of it, as those of Spin's Python SDK do, runs.
 */
const ERRORS: Readonly<Record<string, { readonly tag: string; readonly val: string }>> = {
  "fermyon:spin/llm": { tag: "runtime-error", val: REASON },
  "fermyon:spin/mqtt": { tag: "connection-failed", val: REASON },
  "fermyon:spin/mysql": { tag: "connection-failed", val: REASON },
  "fermyon:spin/postgres": { tag: "connection-failed", val: REASON },
  "fermyon:spin/redis": { tag: "other", val: REASON },
  "spin:mqtt/mqtt": { tag: "connection-failed", val: REASON },
  "spin:mysql/mysql": { tag: "connection-failed", val: REASON },
  "spin:postgres/postgres": { tag: "connection-failed", val: REASON },
  "spin:redis/redis": { tag: "other", val: REASON },
};

/** Interfaces whose calls fail, and one that has types only. */
export const STUBS: Record<string, object> = Object.fromEntries([
  ...Object.entries(ERRORS).map(([name, error]) => [name, stub(error)]),
  ["fermyon:spin/rdbms-types", {}],
]);

/** Returns an interface of which each function fails, and each resource has only static functions, which fail. */
function stub(error: object): object {
  const fail = () => {
    throw new WasiError(error);
  };
  const has = () => true;
  const get = (_: object, key: string | symbol) => {
    // Types of resources begin with a capital letter.
    return typeof key === "string" && /^[A-Z]/.test(key) ? resource : fail;
  };
  const resource = new Proxy(class Resource {}, {
    get: (target, key, receiver) => {
      return key in target || typeof key === "symbol" ? Reflect.get(target, key, receiver) : fail;
    },
  });
  return new Proxy({}, { has, get });
}
