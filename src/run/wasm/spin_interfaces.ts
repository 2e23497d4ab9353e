/** The asynchronous interface of Spin 4, for WASI 0.3; it is imported by this name because Spin 3 has one of its name. */
export const SQLITE_4 = "spin:sqlite/sqlite@3.1.0";

/** Interfaces of Spin, and drafts of WASI that Spin has, in the versions that the embedded engine has. */
const SUPPORTED: ReadonlySet<string> = new Set([
  "fermyon:spin/key-value@2.0.0",
  "fermyon:spin/rdbms-types@2.0.0",
  "fermyon:spin/sqlite@2.0.0",
  "fermyon:spin/variables@2.0.0",
  "spin:sqlite/sqlite@3.0.0",
  "spin:variables/variables@3.0.0",
  "wasi:config/store@0.2.0-draft-2024-09-27",
  "wasi:keyvalue/atomics@0.2.0-draft2",
  "wasi:keyvalue/batch@0.2.0-draft2",
  "wasi:keyvalue/store@0.2.0-draft2",
]);

/** Interfaces whose calls fail with their own error (`../wasi/spin/stubs.ts`). */
const STUBS = [
  /^fermyon:spin\/(?:llm|mqtt|mysql|postgres|redis)@2\.0\.0$/,
  /^spin:postgres\/postgres@[34]\.\d+\.\d+$/,
  /^spin:(?:key-value\/key-value|mqtt\/mqtt|mysql\/mysql|redis\/redis)@3\.0\.0$/,
  /^spin:sqlite\/sqlite@3\.1\.0$/,
];

const STORES = /^(?:fermyon:spin\/(?:key-value|sqlite)|spin:sqlite\/sqlite|wasi:keyvalue\/.+)@/;

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

function isStub(name: string): boolean {
  return STUBS.some((pattern) => pattern.test(name));
}
