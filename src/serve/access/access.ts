import type { Clock } from "../../base/concurrency.ts";
import { LarderError } from "../../base/errors.ts";
import { isLoopback } from "../../registry/endpoints.ts";
import { refuseForeignHost, refuseForeignPage } from "./browser_check.ts";
import { type CredentialFiles, Credentials } from "./credentials.ts";
import { ApiError } from "../errors.ts";
import { UpstreamRules } from "./upstream_rules.ts";

/** Matches the URL as it was sent, so that no other path that is normalised to this one is let in. */
const HEALTH = /^https?:\/\/[^/?#]*\/healthz$/;

export interface AccessOptions extends CredentialFiles {
  /** The host to listen on, without brackets. */
  readonly hostname: string;
  /** Lets everyone in that can reach the server. */
  readonly open?: boolean | undefined;
  /** Patterns of the upstreams, see {@link UpstreamRules}. */
  readonly allow: readonly string[];
  /** The upstream of names without a host, which the operator has chosen. */
  readonly defaultUpstream?: string | undefined;
  readonly clock: Clock;
  readonly warn: (message: string) => void;
}

/** Who may use the server, and which upstreams they may name. */
export class Access {
  readonly upstreams: UpstreamRules;
  readonly #isLocal: boolean;
  readonly #credentials: Credentials | undefined;
  /** The last `Host` that was not refused: checking one takes 2 µs of the 37 µs of a small request. */
  #ownHost: string | undefined;

  /**
   * @throws LarderError LDR_USAGE if it is not said who may use a server that others can reach; LDR_CONFIG, LDR_DISK*
   * for a file that cannot be used
   */
  constructor(options: AccessOptions) {
    const { hostname, tokenFile, htpasswdFile, open, allow, defaultUpstream, clock, warn } =
      options;
    const hasCredentials = tokenFile !== undefined || htpasswdFile !== undefined;
    this.#isLocal = isLoopback(hostname);
    if (open && hasCredentials) throw conflict();
    if (!this.#isLocal && !open && !hasCredentials) throw unprotected(hostname);
    if (!this.#isLocal && allow.length === 0) throw unlimited(hostname);
    this.upstreams = new UpstreamRules(allow, defaultUpstream);
    if (hasCredentials) this.#credentials = new Credentials(options, clock, warn);
  }

  /** Returns the refusal of a request that must not be answered; `/healthz` needs no credentials. */
  async authorize(request: Request): Promise<ApiError | undefined> {
    const { headers, url } = request;
    const host = headers.get("host") ?? URL.parse(url)?.host ?? "";
    const refused = refuseForeignPage(request, host) ?? this.#refuseHost(host);
    if (refused || !this.#credentials) return refused;
    if (HEALTH.test(url)) return undefined;
    return await this.#credentials.refuse(headers.get("authorization"));
  }

  #refuseHost(host: string): ApiError | undefined {
    if (!this.#isLocal || host === this.#ownHost) return undefined;
    const refused = refuseForeignHost(host);
    if (!refused) this.#ownHost = host;
    return refused;
  }

  /** Returns the refusal of a change by a client that is neither of this machine nor has credentials. */
  refusePush({ method }: Request): ApiError | undefined {
    const isRead = method === "GET" || method === "HEAD";
    return isRead || this.#isLocal || this.#credentials ? undefined : noPushes();
  }
}

function noPushes(): ApiError {
  const message = "this server takes no pushes, because --open lets everyone in: " +
    "start it with --token or --htpasswd to push";
  return new ApiError(403, "DENIED", message);
}

function conflict(): LarderError {
  return new LarderError("LDR_USAGE", "--open cannot be combined with --token or --htpasswd", {
    hint: "leave out --open to ask for credentials",
  });
}

function unprotected(hostname: string): LarderError {
  const message = `others can reach ${hostname}, and nothing says who may use the server`;
  return new LarderError("LDR_USAGE", message, {
    hint:
      "add --token FILE or --htpasswd FILE, or --open to let everyone in, or listen on 127.0.0.1",
  });
}

function unlimited(hostname: string): LarderError {
  const message = `others can reach ${hostname}, and nothing says which upstreams they may name`;
  return new LarderError("LDR_USAGE", message, {
    hint:
      "add --allow for each, such as --allow docker.io --allow 'ghcr.io/acme/*', or set serve.allow",
  });
}
