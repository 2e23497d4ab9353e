import { createPrivateKey, sign, X509Certificate } from "node:crypto";
import type { ServerCertificate } from "./certificates.ts";
import type { Guard } from "./faulty_server.ts";
import { failure } from "./test_registry.ts";
import {
  type Answer,
  HttpServer,
  jsonAnswer,
  type LoggedRequest,
  type Request,
} from "./http_server.ts";

export const TOKEN_ISSUER = "larder test tokens";
export const TOKEN_SERVICE = "larder test registry";

export interface TokenServerOptions {
  /** User names and passwords; every request gets a token by default. */
  readonly users?: Readonly<Record<string, string>>;
  /** Refresh tokens (Docker's identity tokens) that are accepted. */
  readonly identityTokens?: readonly string[];
  /** Seconds that tokens are valid, which is `expires_in` of the response. */
  readonly lifetime?: number;
  /** Signs tokens for docker-registry; by default they are opaque and checked by {@link TokenServer.guard}. */
  readonly signer?: ServerCertificate;
  /** The member of the response that has the token; servers differ. */
  readonly member?: "token" | "access_token";
}

interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** A server of Bearer tokens (distribution: "Token Authentication Specification" and its OAuth2 form). */
export class TokenServer implements AsyncDisposable {
  readonly #options: TokenServerOptions;
  readonly #granted = new Map<string, { access: readonly Access[]; expiresAt: number }>();
  #server!: HttpServer;

  private constructor(options: TokenServerOptions) {
    this.#options = options;
  }

  static async start(options: TokenServerOptions = {}): Promise<TokenServer> {
    const tokens = new TokenServer(options);
    tokens.#server = await HttpServer.start((request) => tokens.#answer(request));
    return tokens;
  }

  get realm(): string {
    return `http://${this.#server.host}/token`;
  }

  /** Returns the token requests so far. */
  requests(what?: string | RegExp): LoggedRequest[] {
    return this.#server.requests(what);
  }

  /** The issued tokens, so that tests can check that they appear nowhere. */
  get issued(): string[] {
    return [...this.#granted.keys()];
  }

  /** Makes every issued token expire now. */
  expireAll(): void {
    for (const [token, grant] of this.#granted) {
      this.#granted.set(token, { ...grant, expiresAt: 0 });
    }
  }

  /** Makes a guard for a fixture registry that requires a token of this server for the repository. */
  guard(options: { withScope?: boolean; expiredStatus?: 401 | 403 } = {}): Guard {
    const { withScope = true, expiredStatus = 401 } = options;
    return (request) => {
      const repository = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(request.path)?.[1];
      const token = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
      const grant = token === undefined ? undefined : this.#granted.get(token);
      if (grant && grant.expiresAt > Date.now() && covers(grant.access, repository, withScope)) {
        return undefined;
      }
      if (grant && expiredStatus === 403) return failure(403, "DENIED", "token expired");
      const scope = repository && withScope ? `,scope="repository:${repository}:pull"` : "";
      return failure(401, "UNAUTHORIZED", "authentication required", {
        "WWW-Authenticate": `Bearer realm="${this.realm}",service="${TOKEN_SERVICE}"${scope}`,
      });
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  #answer(request: Request): Answer {
    const form = request.method === "POST" ? new URLSearchParams(request.body) : request.query;
    if (request.path !== "/token") return failure(404, "UNSUPPORTED", "no such endpoint");
    if (!this.#isKnown(request, form)) return failure(401, "UNAUTHORIZED", "incorrect credentials");
    const access = form.getAll("scope").flatMap((scopes) => scopes.split(" ")).map(parseScope);
    const lifetime = this.#options.lifetime ?? 300;
    const token = this.#options.signer
      ? signedToken(this.#options.signer, access, lifetime)
      : `opaque-${crypto.randomUUID()}`;
    this.#granted.set(token, { access, expiresAt: Date.now() + lifetime * 1000 });
    return jsonAnswer(200, { [this.#options.member ?? "token"]: token, expires_in: lifetime });
  }

  #isKnown(request: Request, form: URLSearchParams): boolean {
    const { users, identityTokens } = this.#options;
    if (!users && !identityTokens) return true;
    if (form.get("grant_type") === "refresh_token") {
      return identityTokens?.includes(form.get("refresh_token") ?? "") ?? false;
    }
    const basic = /^Basic (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
    const [user, ...password] = (basic ? atob(basic) : "").split(":");
    return user !== undefined && user !== "" && users?.[user] === password.join(":");
  }
}

function covers(access: readonly Access[], repository: string | undefined, withScope: boolean) {
  if (!repository || !withScope) return true;
  return access.some(({ name, actions }) => name === repository && actions.includes("pull"));
}

function parseScope(scope: string): Access {
  const [type = "", name = "", actions = ""] = scope.split(":");
  return { type, name, actions: actions.split(",") };
}

/** Makes a JSON Web Token (ES256) with the certificate in its header, as docker-registry checks it. */
function signedToken(signer: ServerCertificate, access: Access[], lifetime: number): string {
  const certificate = new X509Certificate(Deno.readTextFileSync(signer.certificate));
  const now = Math.floor(Date.now() / 1000);
  const header = { typ: "JWT", alg: "ES256", x5c: [certificate.raw.toString("base64")] };
  const claims = {
    iss: TOKEN_ISSUER,
    aud: TOKEN_SERVICE,
    sub: "",
    jti: crypto.randomUUID(),
    iat: now,
    nbf: now - 10,
    exp: now + lifetime,
    access,
  };
  const text = [header, claims].map((part) => base64Url(JSON.stringify(part))).join(".");
  const key = createPrivateKey(Deno.readTextFileSync(signer.key));
  const options = { key, dsaEncoding: "ieee-p1363" as const };
  const signature = sign("sha256", new TextEncoder().encode(text), options);
  return `${text}.${
    new Uint8Array(signature).toBase64({ alphabet: "base64url", omitPadding: true })
  }`;
}

function base64Url(text: string): string {
  return new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}
