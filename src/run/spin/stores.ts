import { join } from "node:path";
import { IN_MEMORY, type Locations, type StateLocations } from "../state/locations.ts";

/** Names of files. Source: Spin's spin-runtime-config and spin-sqlite crates. */
const KEY_VALUE_FILE = "sqlite_key_value.db";
const DATABASE_FILE = "sqlite_db.db";

const DEFAULT_LABEL = "default";

/** The stores and databases that a component may open, by label. */
export interface StoreLabels {
  readonly keyValueStores: readonly string[];
  readonly databases: readonly string[];
}

/** The stores of a component without an app. */
export const DEFAULT_STORES: StoreLabels = {
  keyValueStores: [DEFAULT_LABEL],
  databases: [DEFAULT_LABEL],
};

/** Where the stores of an app are. */
export interface StoreFiles {
  /** A folder, or {@link IN_MEMORY}. */
  readonly folder: string;
  /** Paths that a runtime config names, by label. */
  readonly keyValue: Locations;
  readonly sqlite: Locations;
}

/** Returns the locations of a component's stores. A label that no runtime config has is a store in the folder, too. */
export function locateStores(
  { keyValueStores, databases }: StoreLabels,
  { folder, keyValue, sqlite }: StoreFiles,
): StateLocations {
  const inFolder = (name: string) => folder === IN_MEMORY ? IN_MEMORY : join(folder, name);
  return {
    keyValue: byLabel(keyValueStores, keyValue, () => inFolder(KEY_VALUE_FILE)),
    sqlite: byLabel(databases, sqlite, (label) => inFolder(databaseFile(label))),
  };
}

function byLabel(
  labels: readonly string[],
  named: Locations,
  pathOf: (label: string) => string,
): Locations {
  return Object.fromEntries(
    labels.map((label) => [label, Object.hasOwn(named, label) ? named[label]! : pathOf(label)]),
  );
}

function databaseFile(label: string): string {
  if (label === DEFAULT_LABEL) return DATABASE_FILE;
  return `sqlite_db.${encodeURIComponent(label).replaceAll("*", "%2A")}.db`;
}
