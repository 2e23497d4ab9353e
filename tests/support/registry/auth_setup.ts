import { Authenticator } from "../../../src/registry/auth/authenticator.ts";
import type { DeniedRequest } from "../../../src/registry/client.ts";
import type { Credential } from "../../../src/registry/credentials/credential.ts";
import type { HttpRequest, HttpResponse, Transport } from "../../../src/registry/http/transport.ts";
import type { Trust } from "../../../src/registry/http/tls/trust.ts";
import { FakeClock } from "../fake_clock.ts";

export const REALM = "https://auth.test/token";
export const BEARER =
  `Bearer realm="${REALM}",service="registry.test",scope="repository:team/app:pull"`;
export const BASIC = 'Basic realm="registry"';
export const BOB: Credential = {
  username: "bob",
  password: "s3cret-word",
  source: "/home/bob/auth.json",
};
export const IDENTITY: Credential = {
  identityToken: "refresh-me",
  source: "/home/bob/config.json",
};

export type Reply = (request: HttpRequest, count: number) => Response | Promise<Response>;

/** A token server in memory, whose n-th response has the token `token-n`. */
export class TokenEndpoint implements Transport {
  readonly requests: HttpRequest[] = [];
  readonly #reply: Reply;

  constructor(reply: Reply = (_, count) => Response.json({ token: `token-${count}` })) {
    this.#reply = reply;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    this.requests.push(request);
    return await this.#reply(request, this.requests.length);
  }
}

export interface Options extends Pick<Trust, "insecure" | "hosts"> {
  readonly reply?: Reply;
  readonly credential?: Credential;
}

/** Makes an authenticator with one credential, and records its lookups and requests. */
export function setUp(options: Options = {}) {
  const endpoint = new TokenEndpoint(options.reply);
  const clock = new FakeClock();
  const lookups: string[] = [];
  const auth = new Authenticator({
    transport: endpoint,
    clock,
    insecure: options.insecure,
    hosts: options.hosts,
    credentials: {
      find(registry, repository) {
        lookups.push(`${registry}/${repository ?? ""}`);
        return Promise.resolve(options.credential);
      },
    },
  });
  return { auth, clock, endpoint, lookups };
}

/** Makes a request for `team/app` that `registry.test` denied. */
export function denied(
  changes: Partial<DeniedRequest> & { challenge?: string } = {},
): DeniedRequest {
  const { challenge = BEARER, registry = "registry.test", ...rest } = changes;
  return {
    registry,
    repository: "team/app",
    url: new URL(`https://${registry}/v2/team/app/manifests/v1`),
    headers: new Headers(challenge ? { "www-authenticate": challenge } : {}),
    status: 401,
    sent: undefined,
    ...rest,
  };
}
