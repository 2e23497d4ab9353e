import type { Endpoint, Transport } from "../../grants/endpoint.ts";
import { SocketGrants, type SocketSettings } from "../../grants/socket_grants.ts";
import type { InstanceResources } from "../resources.ts";
import type { Denials } from "../../grants/denials.ts";
import { WasiError } from "../errors.ts";
import type { Session, Sessions } from "./session.ts";

/** What the sockets of one guest share; nothing of it is made before the guest wants the first one. */
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
   * What the guest may do. The thread that has the sockets knows it too, and has the last word: this one knows in
   * time to tell of what is refused.
   */
  get grants(): SocketGrants {
    return this.#grants ??= new SocketGrants(this.#settings);
  }

  get session(): Session {
    return this.#session ??= this.#sessions.start(this.#resources);
  }

  /**
   * Tells the user of an endpoint that the guest wants to reach and may not.
   * @throws Refused with `access-denied`
   */
  requireReach(transport: Transport, remote: Endpoint): void {
    if (this.grants.mayReach(transport, remote)) return;
    this.denials.socket(transport, `${this.grants.hostOf(remote.ip)}:${remote.port}`);
    throw new WasiError("access-denied");
  }

  /**
   * Tells the user of an endpoint that the guest wants others to reach it at, and may not.
   * @throws Refused with `access-denied`
   */
  requireBind(transport: Transport, local: Endpoint): void {
    if (this.grants.mayBind(transport, local)) return;
    this.denials.listening(transport, local);
    throw new WasiError("access-denied");
  }

  /**
   * Keeps a resource of the guest's until it is released.
   * @throws Refused with `new-socket-limit` where the guest has too many
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
