/** SQLite of Spin 4, for WASI 0.3; it is imported by this name because Spin 3 has an interface of the same name. */
export const SQLITE_4 = "spin:sqlite/sqlite@3.1.0";

/** The version of `wasi:keyvalue` that Wasmtime has; it is imported with it because that of Spin has other functions. */
export const KEY_VALUE_DRAFT = "0.2.0-draft";

/** The interfaces in {@link KEY_VALUE_DRAFT}. */
export const DRAFT_KEY_VALUE: readonly string[] = ["atomics", "batch", "store"]
  .map((name) => `wasi:keyvalue/${name}@${KEY_VALUE_DRAFT}`);

/** Interfaces of Spin, and drafts of WASI that Spin or Wasmtime has, in the versions that the embedded engine has. */
const SUPPORTED: ReadonlySet<string> = new Set([
  "fermyon:spin/key-value@2.0.0",
  "fermyon:spin/rdbms-types@2.0.0",
  "fermyon:spin/sqlite@2.0.0",
  "fermyon:spin/variables@2.0.0",
  "spin:key-value/key-value@3.0.0",
  "spin:sqlite/sqlite@3.0.0",
  SQLITE_4,
  "spin:variables/variables@3.0.0",
  "wasi:config/runtime@0.2.0-draft",
  "wasi:config/store@0.2.0-draft",
  "wasi:config/store@0.2.0-draft-2024-09-27",
  "wasi:config/store@0.2.0-rc.1",
  "wasi:keyvalue/atomics@0.2.0-draft2",
  "wasi:keyvalue/batch@0.2.0-draft2",
  "wasi:keyvalue/store@0.2.0-draft2",
  ...DRAFT_KEY_VALUE,
]);

/** Interfaces whose calls fail with their own error (`../../wasi/spin/stubs.ts`). */
const STUBS = [
  /^fermyon:spin\/(?:llm|mqtt|mysql|postgres|redis)@2\.0\.0$/,
  /^spin:postgres\/postgres@[34]\.\d+\.\d+$/,
  /^spin:(?:mqtt\/mqtt|mysql\/mysql|redis\/redis)@3\.0\.0$/,
];

const STORES =
  /^(?:fermyon:spin\/(?:key-value|sqlite)|spin:(?:key-value|sqlite)\/[a-z-]+|wasi:keyvalue\/.+)@/;

/** Interfaces with asynchronous functions, which Spin has since 4.0. */
const ASYNCHRONOUS =
  /^spin:(?:(?:key-value|mqtt|mysql|redis|variables)\/[a-z-]+@3\.0|sqlite\/sqlite@3\.1|postgres\/postgres@4\.2)\./;

/** True if a component that imports the interface can run. */
export function isSpinInterface(name: string): boolean {
  return SUPPORTED.has(name) || isStub(name);
}

/** Returns the interfaces that are missing, so that each call of them fails. */
export function stubsOf(imports: readonly string[]): string[] {
  return imports.filter(isStub);
}

/** True if a component imports key-value stores or SQLite databases. */
export function usesStores(imports: readonly string[]): boolean {
  return imports.some((name) => SUPPORTED.has(name) && STORES.test(name));
}

/** True for an interface with asynchronous functions, which only the transpiler for WASI 0.3 knows. */
export function hasAsyncFunctions(name: string): boolean {
  return ASYNCHRONOUS.test(name);
}

function isStub(name: string): boolean {
  return STUBS.some((pattern) => pattern.test(name));
}
