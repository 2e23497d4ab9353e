import * as v from "valibot";
import { toBase64 } from "../../base/base64.ts";
import type { Clock } from "../../base/concurrency.ts";
import { LarderError } from "../../base/errors.ts";
import { MAX_DOCUMENT } from "../../base/limits.ts";
import { registerSecret } from "../../base/redact.ts";
import { formatBytes } from "../../base/units.ts";
import type { IdentityCredential, PasswordCredential } from "../credentials/credential.ts";
import { readSmall } from "../http/body.ts";
import { responseError } from "../http/response_error.ts";
import type { HttpResponse, Transport } from "../http/transport.ts";
import { credentialsRejected } from "./errors.ts";

/** Milliseconds that a token is valid by default (distribution, "Token Authentication Specification"). */
const TOKEN_LIFETIME = 60_000;

/** Milliseconds before its expiry at which a token is dropped; at most half of the time left. */
const TOKEN_MARGIN = 10_000;

export interface TokenRequest {
  readonly registry: string;
  readonly repository: string | undefined;
  /** The token server's address. */
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  /** Undefined for an anonymous token. */
  readonly credential: PasswordCredential | IdentityCredential | undefined;
}

/** A Bearer token. Times are milliseconds since the epoch. */
export interface Token {
  readonly value: string;
  readonly obtainedAt: number;
  /** The time from which the token is no longer used, shortly before it expires. */
  readonly usableUntil: number;
}

/** larder's `client_id` (RFC 6749, Appendix A.1). */
const CLIENT_ID = "larder";

/** Statuses of a server without an OAuth2 endpoint: 404 by the specification, 405 by HTTP. */
const NO_OAUTH = new Set([404, 405]);

const TokenResponse = v.object({
  token: v.nullish(v.string()),
  access_token: v.nullish(v.string()),
  expires_in: v.fallback(v.nullish(v.number()), undefined),
  issued_at: v.fallback(v.nullish(v.string()), undefined),
});

/** Returns the `Authorization` value of a user name and a password (RFC 7617). */
export function basic(username: string, password: string): string {
  const encoded = toBase64(`${username}:${password}`);
  registerSecret(encoded);
  return `Basic ${encoded}`;
}

/**
 * Requests a Bearer token: by `GET`, with the password if there is one; with an identity token by `POST`, or by `GET`
 * if the server does not support `POST`.
 *
 * Source: distribution, "Token Authentication Specification" and "Oauth2 Token Authentication".
 *
 * @throws LarderError LDR_UNAUTHORIZED, LDR_FORBIDDEN, LDR_BAD_RESPONSE, and those of the transport
 */
export async function requestToken(
  deps: { transport: Transport; clock: Clock },
  request: TokenRequest,
  signal?: AbortSignal,
): Promise<Token> {
  const { credential, realm } = request;
  let response = credential && "identityToken" in credential
    ? await post(deps.transport, request, credential, signal)
    : undefined;
  if (response && NO_OAUTH.has(response.status)) {
    await response.body?.cancel();
    response = undefined;
  }
  response ??= await get(deps.transport, request, signal);
  if (response.status !== 200) throw await failure(response, request);
  const body = await readSmall(response, MAX_DOCUMENT, { url: realm, signal });
  return parseToken(body, request, deps.clock.now());
}

function get(
  transport: Transport,
  request: TokenRequest,
  signal: AbortSignal | undefined,
): Promise<HttpResponse> {
  const { credential, service, scopes } = request;
  const url = new URL(request.realm);
  if (service !== undefined) url.searchParams.append("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  const headers: Record<string, string> = {};
  if (credential) {
    headers.authorization = "password" in credential
      ? basic(credential.username, credential.password)
      : basic(credential.username ?? "<token>", credential.identityToken);
  }
  return transport.send({ method: "GET", url, headers, signal, isSmall: true });
}

function post(
  transport: Transport,
  request: TokenRequest,
  credential: IdentityCredential,
  signal: AbortSignal | undefined,
): Promise<HttpResponse> {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    service: request.service ?? request.realm.hostname,
    client_id: CLIENT_ID,
    scope: request.scopes.join(" "),
    refresh_token: credential.identityToken,
  });
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const body = form.toString();
  return transport.send({ method: "POST", url: request.realm, headers, body, signal });
}

async function failure(response: HttpResponse, request: TokenRequest): Promise<LarderError> {
  const { status } = response;
  // OAuth2 answers 400 to a refresh token that is no longer valid (RFC 6749 §5.2).
  const isDenied = status === 401 || status === 403 || (status === 400 && request.credential);
  if (!isDenied && status !== 404) {
    return await responseError(response, request.realm, subjectOf(request), request.registry);
  }
  await response.body?.cancel();
  if (isDenied) return credentialsRejected(request, request.credential, status);
  return bad(request, `answered ${status}`);
}

function parseToken(body: Uint8Array | undefined, request: TokenRequest, now: number): Token {
  if (!body) throw bad(request, `sent more than ${formatBytes(MAX_DOCUMENT)}`);
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder().decode(body));
  } catch {
    // The parser's message is left out because it quotes the text, which may contain a token.
    throw bad(request, "sent a body that is not JSON");
  }
  const parsed = v.safeParse(TokenResponse, document);
  const value = parsed.success && (parsed.output.token || parsed.output.access_token);
  // Only characters that a header value may contain.
  if (!value || !/^[\x21-\x7e]+$/.test(value)) throw bad(request, "sent no token");
  registerSecret(value);
  return { value, obtainedAt: now, usableUntil: usableUntil(parsed.output, now) };
}

/** Uses the server's own times unless its clock differs so much that the token would have expired already. */
function usableUntil(response: v.InferOutput<typeof TokenResponse>, now: number): number {
  const seconds = response.expires_in ?? 0;
  const lifetime = seconds > 0 ? seconds * 1000 : TOKEN_LIFETIME;
  const issued = Math.min(now, Date.parse(response.issued_at ?? "") || now);
  const expires = issued + lifetime > now ? issued + lifetime : now + lifetime;
  return expires - Math.min(TOKEN_MARGIN, (expires - now) / 2);
}

function subjectOf(request: TokenRequest): string {
  return `a token for ${request.registry}`;
}

function bad(request: TokenRequest, what: string): LarderError {
  const message =
    `no token for ${request.registry}: its token server ${request.realm.host} ${what}`;
  return new LarderError("LDR_BAD_RESPONSE", message, {
    hint: "tell the registry's operator, or check the proxy before it",
  });
}
