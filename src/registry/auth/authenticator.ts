import type { Clock } from "../../base/concurrency.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import type { Authorizer, DeniedRequest } from "../client.ts";
import { type Credential, type CredentialSource, usernameOf } from "../credentials/credential.ts";
import { apiBase, isLoopback } from "../endpoints.ts";
import type { Transport } from "../http/transport.ts";
import { isInsecure, type Trust } from "../http/trust.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
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
  readonly #authorizations = new Map<string, Authorization>();
  readonly #tokens = new Map<string, CachedToken>();
  readonly #requests = new SingleFlight<CachedToken>();

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
    const { registry, repository, status, sent } = denied;
    const subject = subjectOf(registry, repository);
    // A 403 for an expired token has no challenge, so that the earlier one is used.
    const challenge = chooseChallenge(denied) ??
      (status === 403 ? this.#authorizations.get(subject)?.challenge : undefined);
    if (!challenge) throw noChallenge(denied, status);

    const credential = await this.#deps.credentials.find(registry, repository, signal);
    this.#invalidateToken(denied, credential);
    const next = challenge.scheme === "basic"
      ? this.#basic(challenge, denied, credential)
      : await this.#bearer(challenge, denied, credential, signal);
    if (next.authorization === sent) {
      throw (status === 403 ? accessDenied : credentialsRejected)(denied, credential, status);
    }
    this.#authorizations.set(subject, next);
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
        const requested = await requestToken(this.#deps, request, signal);
        const cached = { ...requested, renewal: sent !== undefined, rejected: false };
        this.#tokens.set(key, cached);
        return cached;
      }, signal);
    }
    return { challenge, authorization: bearer(token.value), token };
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
  const own = apiBase(registry);
  own.protocol = url.protocol;
  if (own.host !== url.host) return undefined;
  const challenges = parseChallenges(headers.get("www-authenticate") ?? "");
  return challenges.find(({ scheme, parameters }) =>
    scheme === "bearer" && isRealm(parameters.get("realm"))
  ) ?? challenges.find(({ scheme }) => scheme === "basic");
}

function isRealm(text: string | undefined): boolean {
  const url = text === undefined ? null : URL.parse(text);
  return !!url && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
}

/** Returns the scopes of the challenge, by default read access to the repository. Source: distribution, "Scope". */
function scopesOf(challenge: Challenge, repository: string | undefined): string[] {
  const scopes = (challenge.parameters.get("scope") ?? "").split(/\s+/).filter((scope) => scope);
  if (scopes.length > 0) return [...new Set(scopes)].sort();
  return repository ? [`repository:${repository}:pull`] : [];
}
