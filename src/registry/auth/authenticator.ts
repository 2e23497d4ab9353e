import type { Clock } from "../../base/concurrency.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { exposed, noAccess, noChallenge, rejected, unusable } from "./errors.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Authorizer, Refusal } from "../client.ts";
import { type Credential, type CredentialSource, usernameOf } from "../credentials/credential.ts";
import { apiBase, isLoopback } from "../endpoints.ts";
import { basic, requestToken, type Token } from "./token.ts";
import type { Transport } from "../http/transport.ts";
import { isInsecure, type Trust } from "../http/trust.ts";

/** A token that replaced a rejected one and is itself rejected this soon is not replaced again. */
const TOKEN_PROBATION = 10_000;

export interface AuthenticatorDependencies extends Pick<Trust, "insecure" | "hosts"> {
  /** Token servers are asked through it. */
  readonly transport: Transport;
  readonly credentials: CredentialSource;
  readonly clock: Clock;
}

/** A token that is kept, and how it has fared. */
interface HeldToken extends Token {
  /** It took the place of one that was rejected. */
  readonly renewal: boolean;
  rejected: boolean;
}

/** What a repository, or a registry as a whole, was last answered with. */
interface Authorization {
  readonly challenge: Challenge;
  readonly authorization: string;
  readonly token?: HeldToken;
}

/**
 * Answers registries that ask who is there.
 *
 * Tokens are kept by registry, token server, scope and identity, and dropped before they expire. However many
 * requests are refused at once, one asks for the token. A token that is rejected is renewed once; the rejection
 * of the new one is final, so asking again always comes to an end.
 */
export class Authenticator implements Authorizer {
  readonly #deps: AuthenticatorDependencies;
  readonly #answers = new Map<string, Authorization>();
  readonly #tokens = new Map<string, HeldToken>();
  readonly #requests = new SingleFlight<HeldToken>();

  constructor(deps: AuthenticatorDependencies) {
    this.#deps = deps;
  }

  /** @inheritdoc */
  current(registry: string, repository: string | undefined): string | undefined {
    const answer = this.#answers.get(subjectOf(registry, repository));
    if (answer?.token && !this.#isGood(answer.token)) return undefined;
    return answer?.authorization;
  }

  /** @inheritdoc */
  async answer(refusal: Refusal, signal?: AbortSignal): Promise<string> {
    const { registry, repository, status, sent } = refusal;
    const subject = subjectOf(registry, repository);
    // Registries that say 403 of an expired token say no more than that.
    const challenge = chooseChallenge(refusal) ??
      (status === 403 ? this.#answers.get(subject)?.challenge : undefined);
    if (!challenge) throw noChallenge(refusal, status);

    const credential = await this.#deps.credentials.find(registry, repository, signal);
    this.#invalidateToken(refusal, credential);
    const answer = challenge.scheme === "basic"
      ? this.#basic(challenge, refusal, credential)
      : await this.#bearer(challenge, refusal, credential, signal);
    if (answer.authorization === sent) {
      throw (status === 403 ? noAccess : rejected)(refusal, credential, status);
    }
    this.#answers.set(subject, answer);
    return answer.authorization;
  }

  #isGood(token: HeldToken): boolean {
    return !token.rejected && this.#deps.clock.now() < token.goodUntil;
  }

  /** Drops the token that was refused. */
  #invalidateToken(refusal: Refusal, credential: Credential | undefined): void {
    for (const token of this.#tokens.values()) {
      if (refusal.sent !== bearer(token.value)) continue;
      token.rejected = true;
      const age = this.#deps.clock.now() - token.obtainedAt;
      if (token.renewal && age < TOKEN_PROBATION) {
        throw noAccess(refusal, credential, refusal.status);
      }
    }
  }

  #basic(
    challenge: Challenge,
    refusal: Refusal,
    credential: Credential | undefined,
  ): Authorization {
    const { registry, url, status } = refusal;
    if (!credential) throw rejected(refusal, credential, status);
    if (!("password" in credential)) throw unusable(registry, credential);
    this.#requireSecureChannel(registry, url, url);
    return { challenge, authorization: basic(credential.username, credential.password) };
  }

  async #bearer(
    challenge: Challenge,
    refusal: Refusal,
    credential: Credential | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Authorization> {
    const { registry, repository, url, sent } = refusal;
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
    if (!token || !this.#isGood(token)) {
      const request = { registry, repository, realm, service, scopes, credential };
      token = await this.#requests.run(key, async (signal) => {
        const fresh = await requestToken(this.#deps, request, signal);
        const held = { ...fresh, renewal: sent !== undefined, rejected: false };
        this.#tokens.set(key, held);
        return held;
      }, signal);
    }
    return { challenge, authorization: bearer(token.value), token };
  }

  /**
   * Lets credentials go only where nobody else reads them: over HTTPS, or within this machine. Where both hosts are
   * accepted as insecure plain HTTP is allowed as well, but not to the token server of a registry that itself has
   * HTTPS.
   */
  #requireSecureChannel(registry: string, from: URL, to: URL): void {
    if (to.protocol === "https:") return;
    if (isLoopback(from.hostname) && isLoopback(to.hostname)) return;
    const downgrade = from.protocol === "https:";
    const accepted = isInsecure(this.#deps, from) && isInsecure(this.#deps, to);
    if (downgrade || !accepted) throw exposed(registry, to, downgrade);
  }
}

function subjectOf(registry: string, repository: string | undefined): string {
  return `${registry}/${repository ?? ""}`;
}

function bearer(token: string): string {
  return `Bearer ${token}`;
}

/**
 * The challenge that larder can answer, Bearer before Basic. That of another server, to which the registry sent
 * us on, is none: credentials are for the registry.
 */
function chooseChallenge({ registry, url, headers }: Refusal): Challenge | undefined {
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

/** What the challenge asks for; where it does not say, to read the repository. Source: distribution, "Scope". */
function scopesOf(challenge: Challenge, repository: string | undefined): string[] {
  const asked = (challenge.parameters.get("scope") ?? "").split(/\s+/).filter((scope) => scope);
  if (asked.length > 0) return [...new Set(asked)].sort();
  return repository ? [`repository:${repository}:pull`] : [];
}
