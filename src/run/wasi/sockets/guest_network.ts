import type { Denials } from "../../grants/denials.ts";
import type { Endpoint, Transport } from "../../grants/endpoint.ts";
import { SocketGrants, type SocketSettings } from "../../grants/socket_grants.ts";
import { WasiError } from "../errors.ts";
import type { InstanceResources } from "../resources.ts";
import type { Session, Sessions } from "./session.ts";

/** What all sockets of one guest share. Grants and session are created when the guest creates its first socket. */
export class GuestNetwork {
  readonly denials: Denials;
  readonly #resources: InstanceResources;
  readonly #settings: SocketSettings;
  readonly #sessions: Sessions;
  #grants: SocketGrants | undefined;
  #session: Session | undefined;

  constructor(
    settings: SocketSettings,
    denials: Denials,
    sessions: Sessions,
    resources: InstanceResources,
  ) {
    this.#settings = settings;
    this.denials = denials;
    this.#sessions = sessions;
    this.#resources = resources;
  }

  /**
   * The guest's grants. The thread that owns the sockets checks them as well, and its check is the one that counts;
   * the check here reports the denial to the user.
   */
  get grants(): SocketGrants {
    return this.#grants ??= new SocketGrants(this.#settings);
  }

  get session(): Session {
    // A further call would have the grants and the sockets of this one.
    this.#resources.retire();
    return this.#session ??= this.#sessions.start(this.#resources);
  }

  /**
   * Reports a denial unless the guest may reach the endpoint.
   * @throws WasiError with `access-denied`
   */
  requireReach(transport: Transport, remote: Endpoint): void {
    if (this.grants.mayReach(transport, remote)) return;
    this.denials.socket(transport, `${this.grants.hostOf(remote.ip)}:${remote.port}`);
    throw new WasiError("access-denied");
  }

  /**
   * Reports a denial unless the guest may bind a socket to the endpoint.
   * @throws WasiError with `access-denied`
   */
  requireBind(transport: Transport, local: Endpoint): void {
    if (this.grants.mayBind(transport, local)) return;
    this.denials.listening(transport, local);
    throw new WasiError("access-denied");
  }

  /**
   * Holds a resource of the guest until it is released.
   * @throws WasiError with `new-socket-limit` if the guest holds too many
   */
  hold<T extends Disposable>(resource: T): T {
    if (this.#resources.isFull) throw new WasiError("new-socket-limit");
    this.#resources.hold(resource);
    return resource;
  }

  release(resource: Disposable): void {
    this.#resources.release(resource);
  }
}
