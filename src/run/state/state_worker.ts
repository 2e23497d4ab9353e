/** The thread that owns the stores of a run. */
import { workerScope } from "../../base/worker.ts";
import type { StateLocations } from "./locations.ts";
import { StateFiles, StateHost } from "./state_host.ts";

export type StateThreadMessage =
  /** A guest's thread asks for the stores of its component over the port. */
  | {
    readonly type: "serve";
    readonly id: number;
    readonly port: MessagePort;
    readonly locations: StateLocations;
  }
  /** A guest's thread has ended. */
  | { readonly type: "end"; readonly id: number };

const files = new StateFiles();
const hosts = new Map<number, StateHost>();

workerScope<StateThreadMessage, never>().onmessage = ({ data }) => {
  if (data.type === "serve") {
    hosts.set(data.id, new StateHost(data.port, data.locations, files));
    return;
  }
  hosts.get(data.id)?.close();
  hosts.delete(data.id);
};
