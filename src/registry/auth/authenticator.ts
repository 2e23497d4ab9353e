import { MAX_NAMED } from "../../base/limits.ts";
import { RecentMap } from "../../base/recent_map.ts";
import type { Clock } from "../../base/concurrency.ts";
import { hasCode, type LarderError } from "../../base/errors.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import type { Authorizer, DeniedRequest } from "../client.ts";
import { type Credential, type CredentialSource, usernameOf } from "../credentials/credential.ts";
import { apiBase, isLoopback } from "../endpoints.ts";
import type { Transport } from "../http/transport.ts";
import { isInsecure, type Trust } from "../http/tls/trust.ts";
import { type Challenge, parseChallenges, scopesOf } from "./challenge.ts";
import {
  accessDenied,
  credentialsRejected,
  insecureChannel,
  noChallenge,
  passwordRequired,
} from "./errors.ts";
import { basic, requestToken, type Token } from "./token.ts";

/** Milliseconds after which a token that replaced a rejected one may be replaced itself. */
const TOKEN_PROBATION = 10_000;

export interface AuthenticatorDependencies extends Pick<Trust, "insecure" | "hosts"> {
  /** Sends the requests to token servers. */
  readonly transport: Transport;
  readonly credentials: CredentialSource;
  readonly clock: Clock;
}

interface CachedToken extends Token {
  /** True if it replaced a rejected token. */
  readonly renewal: boolean;
  rejected: boolean;
}

/** The answer of a registry to `GET /v2/` without authorization; the status is 0 if it could not be asked. */
type Probe = Pick<DeniedRequest, "status" | "headers" | "url">;

/** The credentials for a repository, or the reason why they could not be read. */
interface Found {
  readonly credential?: Credential | undefined;
  readonly failure?: LarderError;
}

/** The last authorization sent to a repository, or to a registry as a whole. */
interface Authorization {
  readonly challenge: Challenge;
  readonly authorization: string;
  readonly token?: CachedToken;
}

/**
 * Answers the authentication challenges of registries.
 *
 * Tokens are cached by registry, token server, scopes and identity, and dropped before they expire. Concurrent denials
 * share one token request. A rejected token is replaced once, and the rejection of its replacement is final, so that
 * retries always end.
 */
export class Authenticator implements Authorizer {
  readonly #deps: AuthenticatorDependencies;
  readonly #authorizations = new RecentMap<string, Authorization>(MAX_NAMED);
  readonly #tokens = new RecentMap<string, CachedToken>(MAX_NAMED);
  readonly #requests = new SingleFlight<CachedToken>();
  readonly #probes = new RecentMap<string, Probe>(MAX_NAMED);
  readonly #probing = new SingleFlight<Probe>();

  constructor(deps: AuthenticatorDependencies) {
    this.#deps = deps;
  }

  /** @inheritdoc */
  current(registry: string, repository: string | undefined): string | undefined {
    const known = this.#authorizations.get(subjectOf(registry, repository));
    if (known?.token && !this.#isValid(known.token)) return undefined;
    return known?.authorization;
  }

  /** @inheritdoc */
  async authorize(denied: DeniedRequest, signal?: AbortSignal): Promise<string> {
    const { registry, repository, status } = denied;
    const subject = subjectOf(registry, repository);
    // A 403 for an expired token has no challenge, so that the earlier one is used.
    const challenge = chooseChallenge(denied) ??
      (status === 403 ? this.#authorizations.get(subject)?.challenge : undefined);
    if (!challenge) throw noChallenge(denied, status);

    const { credential, failure } = await this.#find(denied, signal);
    try {
      return await this.#answer(challenge, denied, credential, signal);
    } catch (error) {
      // The credentials that could not be read may be those that the registry wants.
      throw failure && hasCode(error, "LDR_UNAUTHORIZED", "LDR_FORBIDDEN") ? failure : error;
    }
  }

  /** @inheritdoc */
  async authorizeHidden(hidden: DeniedRequest, signal?: AbortSignal): Promise<string | undefined> {
    const { registry, repository, url } = hidden;
    if (!isOwnHost(registry, url)) return undefined;
    const { credential } = await this.#find(hidden, signal);
    if (!credential) return undefined;
    const denied = { ...hidden, ...await this.#probe(hidden, signal) };
    const challenge = chooseChallenge(denied);
    if (challenge) {
      // The scope is for `/v2/` or a placeholder, and some token servers refuse all for one that they do not grant.
      const parameters = new Map(challenge.parameters);
      parameters.delete("scope");
      return await this.#answer({ ...challenge, parameters }, denied, credential, signal);
    }
    const isOpen = denied.status === 200 && isOwnHost(registry, denied.url);
    if (!isOpen || !("password" in credential)) return undefined;
    // `/v2/` is open, so that nothing says which scheme to use: a password can be sent only as Basic.
    const next = this.#basic({ scheme: "basic", parameters: new Map() }, denied, credential);
    this.#authorizations.set(subjectOf(registry, repository), next);
    return next.authorization;
  }

  /** Finds credentials. A broken file or helper must not stop a pull that needs none. */
  async #find(
    { registry, repository }: DeniedRequest,
    signal: AbortSignal | undefined,
  ): Promise<Found> {
    try {
      return { credential: await this.#deps.credentials.find(registry, repository, signal) };
    } catch (error) {
      if (hasCode(error, "LDR_CREDENTIAL_HELPER", "LDR_CONFIG")) return { failure: error };
      throw error;
    }
  }

  /** Asks a registry for the challenge of `/v2/`, once. */
  async #probe(hidden: DeniedRequest, signal: AbortSignal | undefined): Promise<Probe> {
    const { registry } = hidden;
    return this.#probes.get(registry) ??
      await this.#probing.run(registry, async (signal) => {
        const probe = await this.#requestBase(hidden, signal);
        this.#probes.set(registry, probe);
        return probe;
      }, signal);
  }

  async #requestBase(hidden: DeniedRequest, signal: AbortSignal): Promise<Probe> {
    const url = apiBase(hidden.registry);
    try {
      const response = await this.#transportFor(hidden).send({
        method: "GET",
        url,
        headers: {},
        signal,
      });
      await response.body?.cancel();
      return { status: response.status, headers: response.headers, url: new URL(response.url) };
    } catch (error) {
      if (hasCode(error, "LDR_INTERRUPTED")) throw error;
      return { status: 0, headers: new Headers(), url };
    }
  }

  async #answer(
    challenge: Challenge,
    denied: DeniedRequest,
    credential: Credential | undefined,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const { registry, repository, status, sent } = denied;
    this.#invalidateToken(denied, credential);
    const next = challenge.scheme === "basic"
      ? this.#basic(challenge, denied, credential)
      : await this.#bearer(challenge, denied, credential, signal);
    if (next.authorization === sent) {
      throw (status === 403 ? accessDenied : credentialsRejected)(denied, credential, status);
    }
    this.#authorizations.set(subjectOf(registry, repository), next);
    return next.authorization;
  }

  #isValid(token: CachedToken): boolean {
    return !token.rejected && this.#deps.clock.now() < token.usableUntil;
  }

  /**
   * Drops the token of the denied request.
   * @throws LarderError LDR_UNAUTHORIZED or LDR_FORBIDDEN if it had just replaced another
   */
  #invalidateToken(denied: DeniedRequest, credential: Credential | undefined): void {
    for (const token of this.#tokens.values()) {
      if (denied.sent !== bearer(token.value)) continue;
      token.rejected = true;
      const age = this.#deps.clock.now() - token.obtainedAt;
      if (token.renewal && age < TOKEN_PROBATION) {
        throw accessDenied(denied, credential, denied.status);
      }
    }
  }

  #basic(
    challenge: Challenge,
    denied: DeniedRequest,
    credential: Credential | undefined,
  ): Authorization {
    const { registry, url, status } = denied;
    if (!credential) throw credentialsRejected(denied, credential, status);
    if (!("password" in credential)) throw passwordRequired(registry, credential);
    this.#requireSecureChannel(registry, url, url);
    return { challenge, authorization: basic(credential.username, credential.password) };
  }

  async #bearer(
    challenge: Challenge,
    denied: DeniedRequest,
    credential: Credential | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Authorization> {
    const { registry, repository, url, sent } = denied;
    if (credential && "registryToken" in credential) {
      this.#requireSecureChannel(registry, url, url);
      return { challenge, authorization: bearer(credential.registryToken) };
    }
    const realm = new URL(challenge.parameters.get("realm")!);
    if (credential) this.#requireSecureChannel(registry, url, realm);
    const service = challenge.parameters.get("service");
    const scopes = scopesOf(challenge, repository);
    const identity = credential && [credential.source, usernameOf(credential)];
    const key = JSON.stringify([registry, realm, service, scopes, identity]);

    let token = this.#tokens.get(key);
    if (!token || !this.#isValid(token)) {
      const request = { registry, repository, realm, service, scopes, credential };
      token = await this.#requests.run(key, async (signal) => {
        const deps = { ...this.#deps, transport: this.#transportFor(denied) };
        const requested = await requestToken(deps, request, signal);
        const cached = { ...requested, renewal: sent !== undefined, rejected: false };
        this.#tokens.set(key, cached);
        return cached;
      }, signal);
    }
    return { challenge, authorization: bearer(token.value), token };
  }

  /** What is true of the address of a listed registry is true of a token server at the same host. */
  #transportFor({ registry, isListed }: DeniedRequest): Transport {
    const { transport } = this.#deps;
    if (!isListed) return transport;
    return {
      send: (request) => transport.send({ ...request, isListed: isOwnHost(registry, request.url) }),
    };
  }

  /**
   * Allows credentials over HTTPS and within this machine. If the user accepts both hosts as insecure, plain HTTP is
   * allowed too, unless the registry itself uses HTTPS.
   *
   * @throws LarderError LDR_UNAUTHORIZED
   */
  #requireSecureChannel(registry: string, from: URL, to: URL): void {
    if (to.protocol === "https:") return;
    if (isLoopback(from.hostname) && isLoopback(to.hostname)) return;
    const downgrade = from.protocol === "https:";
    const accepted = isInsecure(this.#deps, from) && isInsecure(this.#deps, to);
    if (downgrade || !accepted) throw insecureChannel(registry, to, downgrade);
  }
}

function subjectOf(registry: string, repository: string | undefined): string {
  return `${registry}/${repository ?? ""}`;
}

function bearer(token: string): string {
  return `Bearer ${token}`;
}

/**
 * Returns the challenge to answer, Bearer before Basic. A challenge of another server to which the registry redirected
 * is ignored, because the credentials are for the registry.
 */
function chooseChallenge({ registry, url, headers }: DeniedRequest): Challenge | undefined {
  if (!isOwnHost(registry, url)) return undefined;
  const challenges = parseChallenges(headers.get("www-authenticate") ?? "");
  return challenges.find(({ scheme, parameters }) =>
    scheme === "bearer" && isRealm(parameters.get("realm"))
  ) ?? challenges.find(({ scheme }) => scheme === "basic");
}

/** True if the registry itself answered, instead of a server to which it redirected. */
function isOwnHost(registry: string, url: URL): boolean {
  const own = apiBase(registry);
  own.protocol = url.protocol;
  return own.host === url.host;
}

function isRealm(text: string | undefined): boolean {
  const url = text === undefined ? null : URL.parse(text);
  return !!url && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
}
