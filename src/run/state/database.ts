import type { DatabaseSync } from "node:sqlite";
import { IN_MEMORY } from "./locations.ts";
import { type QueryResult, type SqlValue, StateFailure } from "./messages.ts";
import { bindValues } from "./sql_parameters.ts";

/** 128 MiB limit on the result of a query. Source: Spin's `MAX_HOST_BUFFERED_BYTES`. */
export const MAX_RESULT = 128 * 1024 * 1024;

/** Milliseconds for which a request waits for another connection's transaction; the default of Spin's rusqlite. */
const BUSY_TIMEOUT = 5000;

/** Milliseconds between two attempts, at most. */
const MAX_PAUSE = 50;

/** Result codes of SQLite. */
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_FULL = 13;

let sqlite: typeof import("node:sqlite") | undefined;

/** Opens an SQLite file, creating it if necessary. */
export async function openDatabase(path: string): Promise<DatabaseSync> {
  sqlite ??= await import("node:sqlite");
  const isNew = path !== IN_MEMORY && isMissingOrEmpty(path);
  const database = new sqlite.DatabaseSync(path);
  // The thread itself waits, so that the connection that holds the lock can go on.
  database.exec("PRAGMA busy_timeout = 0");
  if (path === IN_MEMORY) return database;
  if (isNew) await whenFree(() => database.exec("PRAGMA journal_mode = WAL"));
  const { journal_mode: mode } = await whenFree(() =>
    database.prepare("PRAGMA journal_mode").get() as { journal_mode: string }
  );
  if (mode === "wal") database.exec("PRAGMA synchronous = NORMAL");
  return database;
}

function isMissingOrEmpty(path: string): boolean {
  try {
    return Deno.statSync(path).size === 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}

/** Runs a statement that does not wait for locks; tries again for {@link BUSY_TIMEOUT} milliseconds if it is locked. */
export async function whenFree<T>(run: () => T): Promise<T> {
  const deadline = performance.now() + BUSY_TIMEOUT;
  for (let pause = 1;; pause = Math.min(2 * pause, MAX_PAUSE)) {
    try {
      return run();
    } catch (error) {
      if (!isBusy(error) || performance.now() >= deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  // Deno 2.4 has no code for a statement that it cannot prepare.
  return code === SQLITE_BUSY || code === SQLITE_LOCKED ||
    (error instanceof Error && error.message === "database is locked");
}

function resultCode(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: number };
  return errcode === undefined ? undefined : errcode & 0xff;
}

/** Returns the failure that a guest sees. */
export function stateFailure(error: unknown): StateFailure {
  if (error instanceof StateFailure) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new StateFailure(resultCode(error) === SQLITE_FULL ? "full" : "other", message);
}

/** Runs a statement of a guest, of which SQLite takes only the first if there are several. */
export function query(
  database: DatabaseSync,
  sql: string,
  values: readonly SqlValue[],
): QueryResult {
  const { sql: renamed, named, anonymous } = bindValues(sql, values);
  const statement = database.prepare(renamed);
  statement.setReadBigInts(true);
  const { columns, setReturnArrays } = statement as Statement;
  setReturnArrays?.call(statement, true);
  const rows: SqlValue[][] = [];
  let names = columns?.call(statement).map(({ name }) => name);
  let size = 0;
  // `iterate` would keep the result small, but drops errors (Deno 2.9.6).
  for (const row of statement.all(named, ...anonymous)) {
    names ??= Object.keys(row as object);
    const cells = (Array.isArray(row) ? row : Object.values(row as object)) as SqlValue[];
    size += sizeOf(cells);
    if (size > MAX_RESULT) throw new Error(`query result exceeds limit of ${MAX_RESULT} bytes`);
    rows.push(cells);
  }
  return { columns: names ?? [], rows };
}

/** A statement of Deno 2.9. That of 2.4 has neither method: rows are objects, which have each name of a column once. */
interface Statement {
  columns?(): readonly { readonly name: string }[];
  setReturnArrays?(isOn: boolean): void;
}

function sizeOf(row: readonly SqlValue[]): number {
  const size = (value: SqlValue) =>
    typeof value === "string" ? value.length : value instanceof Uint8Array ? value.length : 8;
  return row.reduce((sum: number, value) => sum + size(value), 0);
}
