import { createPrivateKey, sign, X509Certificate } from "node:crypto";
import type { ServerCertificate } from "./certificates.ts";
import { failure, type Guard } from "./fixture_registry.ts";
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
  /** Names and passwords; without any, everybody gets a token. */
  readonly users?: Readonly<Record<string, string>>;
  /** Refresh tokens (Docker's identity tokens) that are good for a token. */
  readonly identityTokens?: readonly string[];
  /** How long tokens live; what the answer says in `expires_in`. */
  readonly lifetime?: number;
  /** Signs tokens as docker-registry checks them; without it they are words that only {@link TokenServer.guard} knows. */
  readonly signer?: ServerCertificate;
  /** The member of the answer that has the token: some servers write one, some the other. */
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

  /** Asked for tokens so far. */
  requests(what?: string | RegExp): LoggedRequest[] {
    return this.#server.requests(what);
  }

  /** Every token given so far, so that tests can look for them where they must not be. */
  get given(): string[] {
    return [...this.#granted.keys()];
  }

  /** Lets every token given so far expire now. */
  expireAll(): void {
    for (const [token, grant] of this.#granted) {
      this.#granted.set(token, { ...grant, expiresAt: 0 });
    }
  }

  /** Lets who has a token of this server, good for the repository asked for, into a fixture registry. */
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

/** A JSON Web Token (ES256) whose header brings the certificate, as docker-registry can check it. */
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
