import type { Clock } from "../base/concurrency.ts";
import { LarderError } from "../base/errors.ts";
import { isLocal, type Reference } from "../oci/reference.ts";
import { apiBase, type Place } from "./endpoints.ts";
import { responseError } from "./http/response_error.ts";
import type { HttpRequest, HttpResponse, Transport } from "./http/transport.ts";
import { MirrorHealth, type MirrorMessages } from "./mirrors/mirror_health.ts";
import { MirroredRepository } from "./mirrors/mirrored_repository.ts";
import type { FindRoute } from "./mirrors/route.ts";
import { Repository, type RepositoryDependencies, type RepositoryRequest } from "./repository.ts";
import type { SharedContent } from "./shared/shared_content.ts";
import { SharedRepository } from "./shared/shared_repository.ts";

/** A request that a registry denied, with the response. */
export interface DeniedRequest {
  readonly registry: string;
  readonly repository: string | undefined;
  /** The URL that answered: after redirects, and with the scheme in use. */
  readonly url: URL;
  readonly headers: Headers;
  readonly status: number;
  /** The `Authorization` value that was not accepted. */
  readonly sent: string | undefined;
  readonly isListed?: boolean | undefined;
}

/** Supplies `Authorization` headers; implemented by `Authenticator`. */
export interface Authorizer {
  /** Returns the `Authorization` value already known for a repository. */
  current(registry: string, repository: string | undefined): string | undefined;
  /**
   * Returns another `Authorization` value for a request that was denied. Repeated denials end in an error.
   * @throws LarderError LDR_UNAUTHORIZED, LDR_FORBIDDEN
   */
  authorize(denied: DeniedRequest, signal?: AbortSignal): Promise<string>;
  /**
   * Returns an `Authorization` value for a request without one that a registry answered with 403 or 404, because some
   * registries hide private names in this way.
   *
   * @returns undefined if there are no credentials to send, so that the answer is final
   * @throws LarderError LDR_UNAUTHORIZED, LDR_FORBIDDEN
   */
  authorizeHidden?(hidden: DeniedRequest, signal?: AbortSignal): Promise<string | undefined>;
}

export interface ClientDependencies {
  /** Retries, and follows redirects; see `httpTransport`. */
  readonly transport: Transport;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  /** Milliseconds without a byte after which reading a body fails. */
  readonly stallTimeout?: number;
  /** The mirrors of repositories; by default, there are none. */
  readonly mirrors?: MirrorMessages & {
    readonly route: FindRoute;
    /** Returns further headers of requests to mirrors. */
    readonly headers?: () => Readonly<Record<string, string>>;
  };
  /** Asked for digests before mirrors and registries. */
  readonly shared?: SharedContent | undefined;
}

/** The pull side of the OCI distribution specification ("Pull"). */
export class RegistryClient {
  readonly #deps: ClientDependencies;
  readonly #mirrorHealth: MirrorHealth | undefined;

  constructor(deps: ClientDependencies) {
    this.#deps = deps;
    this.#mirrorHealth = deps.mirrors && new MirrorHealth(deps.clock, deps.mirrors);
  }

  /** Returns a client of one repository's manifests and blobs. @param reference names what is pulled, in messages */
  repository(reference: Reference): Repository {
    const { mirrors, shared } = this.#deps;
    const health = this.#mirrorHealth;
    if (!mirrors || !health) return new Repository(reference, this.#connect(reference, false));
    const connect = (place: Place, once: boolean) => this.#connect(place, once);
    const deps = { route: mirrors.route, health, connect };
    return shared
      ? new SharedRepository(reference, deps, shared)
      : new MirroredRepository(reference, deps);
  }

  #connect({ registry, repository, isListed }: Place, once: boolean): RepositoryDependencies {
    const { clock, stallTimeout } = this.#deps;
    const send = (request: RepositoryRequest) => {
      if (isLocal({ registry })) throw inNoRegistry(`${registry}/${repository}`);
      const headers = once
        ? { ...this.#deps.mirrors?.headers?.(), ...request.headers }
        : request.headers;
      return this.send(registry, repository, {
        ...request,
        headers,
        isListed,
        once: once || request.once,
      });
    };
    return { send, clock, stallTimeout, once };
  }

  /**
   * Checks that a registry accepts the credentials; `login` does.
   * @throws LarderError LDR_UNAUTHORIZED, LDR_FORBIDDEN, and those of the transport
   */
  async ping(registry: string, signal?: AbortSignal): Promise<void> {
    // Reads whether the registry is blocked, or insecure connections to it are allowed.
    await this.#deps.mirrors?.route({ registry, repository: "" });
    const url = apiBase(registry);
    const request = { method: "GET", url, headers: {}, signal, subject: registry } as const;
    const response = await this.send(registry, undefined, request);
    if (response.status !== 200) {
      throw await responseError(response, url, registry, registry, { signal });
    }
    await response.body?.cancel();
  }

  /**
   * Sends a request with the authorization that the registry requires: first with the one already known, then with
   * another after each denial, until the request is accepted or the authorizer fails.
   */
  async send(
    registry: string,
    repository: string | undefined,
    request: RepositoryRequest,
  ): Promise<HttpResponse> {
    const { transport, authorizer } = this.#deps;
    for (let sent = authorizer.current(registry, repository);;) {
      const response = await transport.send(withAuthorization(request, sent));
      const { status, headers } = response;
      const url = new URL(response.url);
      const { isListed } = request;
      const denied = { registry, repository, url, headers, status, sent, isListed };
      if (isDenial(request, denied)) {
        await response.body?.cancel();
        sent = await authorizer.authorize(denied, request.signal);
        continue;
      }
      if (!mayBeHidden(request, denied)) return response;
      const authorization = await authorizer.authorizeHidden?.(denied, request.signal)
        .catch(async (error) => {
          await response.body?.cancel();
          throw error;
        });
      if (authorization === undefined) return response;
      await response.body?.cancel();
      sent = authorization;
    }
  }
}

/** True if another authorization may help. */
function isDenial(
  { method, url }: RepositoryRequest,
  { status, headers, sent, url: answered }: DeniedRequest,
): boolean {
  // Without a challenge, the registry may support `GET` alone.
  if (status === 401) return method !== "HEAD" || headers.has("www-authenticate");
  // It may only mean that the token has expired. Another host, of a redirect, has not seen the token.
  return status === 403 && sent !== undefined && answered.host === url.host;
}

/** True if a registry may answer in this way because it hides private names from anonymous users. */
function mayBeHidden(
  { url }: RepositoryRequest,
  { repository, status, sent, url: answered }: DeniedRequest,
): boolean {
  return repository !== undefined && sent === undefined && answered.host === url.host &&
    (status === 403 || status === 404);
}

function withAuthorization(
  request: RepositoryRequest,
  authorization: string | undefined,
): HttpRequest {
  if (!authorization) return request;
  return { ...request, headers: { ...request.headers, authorization } };
}

/** The error for what can only be in the cache. */
function inNoRegistry(name: string): LarderError {
  return new LarderError("LDR_NOT_FOUND", `${name} is in no registry: it takes pushes`, {
    hint: "write docker.io/local/… for an image of Docker Hub",
  });
}
