import { type SqlValue, StateFailure } from "../../state/messages.ts";
import { SQLITE_4 } from "../../wasm/interfaces/spin_interfaces.ts";
import { WasiError } from "../errors.ts";
import { failedStream, OK, type Outcome } from "../preview3/streams.ts";
import type { InstanceResources } from "../resources.ts";
import type { StateClient } from "./state_client.ts";

/** `error` of `fermyon:spin/sqlite`. */
type SqliteError =
  | { readonly tag: "no-such-database" | "access-denied" | "invalid-connection" | "database-full" }
  | { readonly tag: "io"; readonly val: string };

/** `value` of `fermyon:spin/sqlite`. */
type Value =
  | { readonly tag: "integer"; readonly val: bigint }
  | { readonly tag: "real"; readonly val: number }
  | { readonly tag: "text"; readonly val: string }
  | { readonly tag: "blob"; readonly val: Uint8Array }
  | { readonly tag: "null" };

/** `row-result` of `fermyon:spin/sqlite`. */
interface RowResult {
  readonly values: readonly Value[];
}

/** `query-result` of `fermyon:spin/sqlite`. */
interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly RowResult[];
}

/** Limit on the connections that an instance holds open. Source: Spin's spin-factor-sqlite crate. */
const MAX_CONNECTIONS = 256;

/**
 * `fermyon:spin/sqlite`; `spin:sqlite/sqlite`, which has two functions more; and its version of Spin 4, which has each
 * function as an asynchronous one, too. Source: Spin's spin-factor-sqlite and spin-sqlite-inproc crates.
 */
export function sqliteImports(
  client: StateClient,
  resources: InstanceResources,
): Record<string, object> {
  let openCount = 0;

  /** `connection`. */
  class Connection implements Disposable {
    readonly #id = client.newConnectionId();

    private constructor() {}

    static async open(database: string): Promise<Connection> {
      const connection = new Connection();
      await orSqliteError(client.request("connect", { database, connection: connection.#id }));
      if (openCount >= MAX_CONNECTIONS) {
        client.notify("disconnect", { connection: connection.#id });
        throw new WasiError<SqliteError>({ tag: "io", val: "too many connections opened" });
      }
      openCount++;
      resources.hold(connection);
      return connection;
    }

    async execute(sql: string, parameters: readonly Value[]): Promise<QueryResult> {
      const values = parameters.map(sqlValue);
      const { columns, rows } = await orSqliteError(
        client.request("execute", { connection: this.#id, sql, values }),
      );
      return { columns, rows: rows.map((row) => ({ values: row.map(valueOf) })) };
    }

    async lastInsertRowid(): Promise<bigint> {
      return (await client.request("changes", { connection: this.#id })).lastInsertRowid;
    }

    async changes(): Promise<bigint> {
      return (await client.request("changes", { connection: this.#id })).changes;
    }

    static openAsync(database: string): Promise<Connection> {
      return Connection.open(database);
    }

    /** Returns the columns, the rows as a stream, and the future that tells how it ends, also if there are none. */
    async executeAsync(
      sql: string,
      parameters: readonly Value[],
    ): Promise<[readonly string[], readonly RowResult[], Promise<Outcome<SqliteError>>]> {
      try {
        const { columns, rows } = await this.execute(sql, parameters);
        return [columns, rows, Promise.resolve(OK)];
      } catch (error) {
        if (!(error instanceof WasiError)) throw error;
        return [[], ...failedStream(error.payload as SqliteError)];
      }
    }

    lastInsertRowidAsync(): Promise<bigint> {
      return this.lastInsertRowid();
    }

    changesAsync(): Promise<bigint> {
      return this.changes();
    }

    [Symbol.dispose](): void {
      openCount--;
      resources.release(this);
      client.notify("disconnect", { connection: this.#id });
    }
  }
  return {
    "fermyon:spin/sqlite": { Connection },
    "spin:sqlite/sqlite": { Connection },
    [SQLITE_4]: { Connection },
  };
}

function sqlValue(value: Value): SqlValue {
  return value.tag === "null" ? null : value.val;
}

function valueOf(value: SqlValue): Value {
  if (value === null) return { tag: "null" };
  switch (typeof value) {
    case "bigint":
      return { tag: "integer", val: value };
    case "number":
      return { tag: "real", val: value };
    case "string":
      return { tag: "text", val: value };
    default:
      return { tag: "blob", val: value };
  }
}

/** @throws WasiError with the `error` of a failure */
async function orSqliteError<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw error instanceof StateFailure ? new WasiError(sqliteError(error)) : error;
  }
}

function sqliteError({ code, message }: StateFailure): SqliteError {
  switch (code) {
    case "access-denied":
      return { tag: "access-denied" };
    case "full":
      return { tag: "database-full" };
    case "other":
      return { tag: "io", val: message };
  }
}
