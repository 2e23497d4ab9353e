import { type SqlValue, StateFailure } from "../../state/messages.ts";
import { WasiError } from "../errors.ts";
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

/** `query-result` of `fermyon:spin/sqlite`. */
interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly { readonly values: readonly Value[] }[];
}

/** Limit on the connections that an instance holds open. Source: Spin's spin-factor-sqlite crate. */
const MAX_CONNECTIONS = 256;

/** `fermyon:spin/sqlite`, and `spin:sqlite/sqlite`, which has two functions more. Source: Spin's spin-factor-sqlite. */
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

    [Symbol.dispose](): void {
      openCount--;
      resources.release(this);
      client.notify("disconnect", { connection: this.#id });
    }
  }
  return { "fermyon:spin/sqlite": { Connection }, "spin:sqlite/sqlite": { Connection } };
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
