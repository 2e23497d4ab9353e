import type { DatabaseSync } from "node:sqlite";
import { openDatabase, query, stateFailure, whenFree } from "./database.ts";
import { KeyValueFile } from "./key_value_file.ts";
import { IN_MEMORY, type Locations, type StateLocations } from "./locations.ts";
import {
  StateFailure,
  type StateReply,
  type StateRequest,
  type StateRequests,
  type StateRequestType,
} from "./messages.ts";

type Handlers = {
  readonly [T in StateRequestType]: (
    params: StateRequests[T]["params"],
  ) => StateRequests[T]["result"] | Promise<StateRequests[T]["result"]>;
};

/** Limit on the connections that one guest's thread holds open; a guest may hold 256 of them. */
const MAX_CONNECTIONS = 4096;

/** The files that all components of an app share. */
export class StateFiles {
  readonly #keyValue = new Map<string, Promise<KeyValueFile>>();
  readonly #inMemory = new Map<string, Promise<DatabaseSync>>();

  keyValue(path: string): Promise<KeyValueFile> {
    let file = this.#keyValue.get(path);
    if (!file) {
      file = KeyValueFile.open(path);
      this.#keyValue.set(path, file);
      // A fault may pass, as that of a full disk.
      file.catch(() => this.#keyValue.delete(path));
    }
    return file;
  }

  /** Returns a connection of its own to a file, or the only one to a database in memory. */
  database(label: string, path: string): Promise<DatabaseSync> {
    if (path !== IN_MEMORY) return openDatabase(path);
    let database = this.#inMemory.get(label);
    if (!database) this.#inMemory.set(label, database = openDatabase(path));
    return database;
  }
}

/** Carries out the requests of one guest's thread on the stores of its component. */
export class StateHost {
  readonly #port: MessagePort;
  readonly #locations: StateLocations;
  readonly #files: StateFiles;
  readonly #connections = new Map<number, { database: DatabaseSync; isShared: boolean }>();
  readonly #handlers: Handlers = {
    open: async ({ store }) => void await this.#file(store),
    get: async ({ store, key }) => (await this.#file(store)).get(store, key),
    set: async ({ store, key, value }) => (await this.#file(store)).set(store, key, value),
    delete: async ({ store, keys }) => (await this.#file(store)).delete(store, keys),
    exists: async ({ store, key }) => (await this.#file(store)).exists(store, key),
    keys: async ({ store }) => (await this.#file(store)).keys(store),
    getMany: async ({ store, keys }) => (await this.#file(store)).getMany(store, keys),
    setMany: async ({ store, entries }) => (await this.#file(store)).setMany(store, entries),
    increment: async ({ store, key, delta }) =>
      (await this.#file(store)).increment(store, key, delta),
    swap: async ({ store, key, old, value }) =>
      (await this.#file(store)).swap(store, key, old, value),
    connect: ({ database, connection }) => this.#connect(database, connection),
    execute: ({ connection, sql, values }) =>
      whenFree(() => query(this.#database(connection), sql, values)),
    changes: ({ connection }) => this.#changes(connection),
    disconnect: ({ connection }) => this.#disconnect(connection),
  };

  /** @param port receives the requests of the guest's thread */
  constructor(port: MessagePort, locations: StateLocations, files: StateFiles) {
    this.#port = port;
    this.#locations = locations;
    this.#files = files;
    port.onmessage = ({ data }: MessageEvent<StateRequest>) => void this.#handle(data);
  }

  /** Closes all connections. */
  close(): void {
    this.#port.close();
    for (const id of [...this.#connections.keys()]) this.#disconnect(id);
  }

  async #handle(request: StateRequest): Promise<void> {
    const { id, type } = request;
    try {
      const handle = this.#handlers[type] as (
        params: StateRequest,
      ) => StateRequests[StateRequestType]["result"];
      this.#reply({ id, value: await handle(request) });
    } catch (error) {
      const { code, message } = stateFailure(error);
      this.#reply({ id, failure: { code, message } });
    }
  }

  #reply(reply: StateReply): void {
    this.#port.postMessage(reply);
  }

  #file(store: string): Promise<KeyValueFile> {
    return this.#files.keyValue(locate(this.#locations.keyValue, store));
  }

  async #connect(label: string, id: number): Promise<void> {
    const path = locate(this.#locations.sqlite, label);
    if (this.#connections.size >= MAX_CONNECTIONS) {
      throw new StateFailure("other", "too many connections opened");
    }
    const database = await this.#files.database(label, path);
    this.#connections.set(id, { database, isShared: path === IN_MEMORY });
  }

  #database(id: number): DatabaseSync {
    const connection = this.#connections.get(id);
    if (!connection) throw new StateFailure("other", "the connection was closed");
    return connection.database;
  }

  #changes(id: number): StateRequests["changes"]["result"] {
    const sql = "SELECT changes(), last_insert_rowid()";
    const { rows: [[changes, lastInsertRowid] = []] } = query(this.#database(id), sql, []);
    return { changes: changes as bigint, lastInsertRowid: lastInsertRowid as bigint };
  }

  #disconnect(id: number): void {
    const connection = this.#connections.get(id);
    this.#connections.delete(id);
    if (connection?.isShared) rollBack(connection.database);
    else connection?.database.close();
  }
}

/** Returns the path of a store. @throws StateFailure `access-denied` if the component may not open it */
function locate(locations: Locations, label: string): string {
  if (Object.hasOwn(locations, label)) return locations[label]!;
  throw new StateFailure("access-denied", `the component may not open "${label}"`);
}

function rollBack(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // There is no transaction.
  }
}
