import { join } from "node:path";
import { GuestState } from "../../../src/run/state/guest_state.ts";
import { stateFiles, type StateLocations } from "../../../src/run/state/locations.ts";
import { InstanceResources } from "../../../src/run/wasi/resources.ts";
import { spinImports } from "../../../src/run/wasi/spin/imports.ts";
import { StateClient } from "../../../src/run/wasi/spin/state_client.ts";
import { TemporaryFolder } from "../temporary.ts";

/** Functions and classes of an interface, as transpiled code calls them. */
// deno-lint-ignore no-explicit-any
export type Interface = any;

/** Stores in a folder of their own, and guests that use them. */
export class GuestStores implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly locations: StateLocations = {
    keyValue: { default: this.path("kv.db"), second: this.path("kv.db"), memory: ":memory:" },
    sqlite: { default: this.path("sql.db"), memory: ":memory:" },
  };
  readonly faults: string[] = [];
  readonly #state = new GuestState(
    stateFiles([this.locations]),
    (message) => this.faults.push(message),
  );

  path(name: string): string {
    return join(this.#folder.path, name);
  }

  /** Starts a thread's connection, with the imports of one instance. */
  guest(): StoreGuest {
    return new StoreGuest((port) => this.#state.serve(port, this.locations));
  }

  [Symbol.dispose](): void {
    this.#state[Symbol.dispose]();
    this.#folder[Symbol.dispose]();
  }
}

export class StoreGuest {
  readonly resources = new InstanceResources();
  readonly imports: Record<string, Interface>;
  #end: (() => void) | undefined;

  constructor(serve: (port: MessagePort) => () => void) {
    const client = new StateClient((port) => this.#end = serve(port));
    this.imports = spinImports({}, client, this.resources);
  }

  /** Ends the thread without closing anything. */
  end(): void {
    this.#end?.();
  }
}
