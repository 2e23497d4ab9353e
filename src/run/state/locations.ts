/** The name of a store that exists only as long as the run. */
export const IN_MEMORY = ":memory:";

/** Absolute paths of SQLite files, or {@link IN_MEMORY}, by label. */
export type Locations = Readonly<Record<string, string>>;

/** The stores that a component may open, as plain data that can be sent to threads. */
export interface StateLocations {
  readonly keyValue: Locations;
  readonly sqlite: Locations;
}

export const NO_STATE: StateLocations = { keyValue: {}, sqlite: {} };

/** Returns the files of several components, each once. */
export function stateFiles(all: Iterable<StateLocations>): string[] {
  const paths = [...all].flatMap(({ keyValue, sqlite }) => [
    ...Object.values(keyValue),
    ...Object.values(sqlite),
  ]);
  return [...new Set(paths)].filter((path) => path !== IN_MEMORY);
}
