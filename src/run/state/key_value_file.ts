import type { DatabaseSync, StatementSync } from "node:sqlite";
import { MAX_RESULT, openDatabase, whenFree } from "./database.ts";

/** Source: Spin's spin-key-value-spin crate; the schema is the same. */
const SCHEMA = `CREATE TABLE IF NOT EXISTS spin_key_value (
  store TEXT NOT NULL,
  key   TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (store, key)
)`;

const STATEMENTS = {
  get: "SELECT value FROM spin_key_value WHERE store = ? AND key = ?",
  set: `INSERT INTO spin_key_value (store, key, value) VALUES (?, ?, ?)
    ON CONFLICT (store, key) DO UPDATE SET value = excluded.value`,
  delete: "DELETE FROM spin_key_value WHERE store = ? AND key = ?",
  exists: "SELECT 1 FROM spin_key_value WHERE store = ? AND key = ?",
  // As a blob, because node:sqlite ends a text at its first NUL.
  keys: "SELECT CAST(key AS BLOB) AS key FROM spin_key_value WHERE store = ?",
  swap: "UPDATE spin_key_value SET value = ? WHERE store = ? AND key = ? AND value = ?",
};

type Statements = Readonly<Record<keyof typeof STATEMENTS, StatementSync>>;

/** An SQLite file with key-value stores, for all components that use it. */
export class KeyValueFile {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  private constructor(database: DatabaseSync) {
    this.#database = database;
    const prepared = Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)]);
    this.#statements = Object.fromEntries(prepared);
  }

  /** @throws the error of node:sqlite */
  static async open(path: string): Promise<KeyValueFile> {
    const database = await openDatabase(path);
    try {
      await whenFree(() => database.exec(SCHEMA));
      return new KeyValueFile(database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  get(store: string, key: string): Promise<Uint8Array | undefined> {
    return whenFree(() => this.#get(store, key));
  }

  set(store: string, key: string, value: Uint8Array): Promise<void> {
    return whenFree(() => this.#set(store, key, value));
  }

  delete(store: string, keys: readonly string[]): Promise<void> {
    return this.#atomically(() => {
      for (const key of keys) this.#statements.delete.run(store, key);
    });
  }

  exists(store: string, key: string): Promise<boolean> {
    return whenFree(() => this.#statements.exists.get(store, key) !== undefined);
  }

  keys(store: string): Promise<string[]> {
    const decoder = new TextDecoder();
    return whenFree(() => {
      const size = new ResultSize();
      return this.#statements.keys.all(store).map((row) => {
        const { key } = row as { key: Uint8Array };
        size.add(key);
        return decoder.decode(key);
      });
    });
  }

  /** Returns the entries that exist. */
  getMany(store: string, keys: readonly string[]): Promise<[string, Uint8Array][]> {
    return whenFree(() => {
      const size = new ResultSize();
      return keys.flatMap((key): [string, Uint8Array][] => {
        const value = this.#get(store, key);
        if (!value) return [];
        size.add(value);
        return [[key, value]];
      });
    });
  }

  setMany(
    store: string,
    entries: readonly (readonly [key: string, value: Uint8Array])[],
  ): Promise<void> {
    return this.#atomically(() => {
      for (const [key, value] of entries) this.#set(store, key, value);
    });
  }

  /** Adds to a value of 8 bytes, little-endian; a missing one is 0. */
  increment(store: string, key: string, delta: bigint): Promise<bigint> {
    return this.#atomically(() => {
      const old = this.#get(store, key);
      if (old && old.length !== 8) throw new Error(`the value has ${old.length} bytes, not 8`);
      const bytes = new Uint8Array(8);
      if (old) bytes.set(old);
      const view = new DataView(bytes.buffer);
      const sum = view.getBigInt64(0, true) + delta;
      if (BigInt.asIntN(64, sum) !== sum) throw new Error("the sum is not a 64-bit number");
      view.setBigInt64(0, sum, true);
      this.#set(store, key, bytes);
      return sum;
    });
  }

  /** Sets a value if the current one is `old`, or in any case if `old` is undefined, as Spin does. */
  swap(
    store: string,
    key: string,
    old: Uint8Array | undefined,
    value: Uint8Array,
  ): Promise<boolean> {
    return whenFree(() => {
      if (old) return this.#statements.swap.run(value, store, key, old).changes === 1;
      this.#set(store, key, value);
      return true;
    });
  }

  #get(store: string, key: string): Uint8Array | undefined {
    return (this.#statements.get.get(store, key) as { value: Uint8Array } | undefined)?.value;
  }

  #set(store: string, key: string, value: Uint8Array): void {
    this.#statements.set.run(store, key, value);
  }

  /** Runs statements in a transaction, which takes the lock for writing at its start. */
  #atomically<T>(run: () => T): Promise<T> {
    return whenFree(() => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        const result = run();
        this.#database.exec("COMMIT");
        return result;
      } catch (error) {
        this.#database.exec("ROLLBACK");
        throw error;
      }
    });
  }
}

/** Bytes of a result so far. */
class ResultSize {
  #size = 0;

  /** @throws Error above {@link MAX_RESULT} */
  add({ length }: Uint8Array): void {
    this.#size += length;
    if (this.#size > MAX_RESULT) {
      throw new Error(`query result exceeds limit of ${MAX_RESULT} bytes`);
    }
  }
}
