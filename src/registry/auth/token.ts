import * as v from "valibot";
import { toBase64 } from "../../base/base64.ts";
import type { Clock } from "../../base/concurrency.ts";
import { MAX_DOCUMENT } from "../../base/limits.ts";
import { LarderError } from "../../base/errors.ts";
import { registerSecret } from "../../base/redact.ts";
import { formatBytes } from "../../base/units.ts";
import { rejected } from "./errors.ts";
import { readSmall } from "../http/body.ts";
import type { IdentityCredential, PasswordCredential } from "../credentials/credential.ts";
import { responseError } from "../http/response_error.ts";
import type { HttpResponse, Transport } from "../http/transport.ts";

/** How long a token lives whose server does not say (distribution: "Token Authentication Specification"). */
const TOKEN_LIFETIME = 60_000;

/** A token is dropped so long before it expires, or at half its life if that is later. */
const TOKEN_MARGIN = 10_000;

/** What a token is asked for with. */
export interface TokenRequest {
  readonly registry: string;
  readonly repository: string | undefined;
  /** The token server's address. */
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  /** Anonymous without. */
  readonly credential: PasswordCredential | IdentityCredential | undefined;
}

/** A Bearer token. Times are milliseconds since the epoch. */
export interface Token {
  readonly value: string;
  readonly obtainedAt: number;
  /** From here on it is not used any more; a little before it really expires. */
  readonly goodUntil: number;
}

/** What a token server calls larder in its own records (RFC 6749, Appendix A.1). */
const CLIENT_ID = "larder";

/** Answers of a server that has no OAuth2 endpoint: 404 by the specification, 405 by HTTP. */
const NO_OAUTH = new Set([404, 405]);

const AnswerSchema = v.object({
  token: v.nullish(v.string()),
  access_token: v.nullish(v.string()),
  expires_in: v.fallback(v.nullish(v.number()), undefined),
  issued_at: v.fallback(v.nullish(v.string()), undefined),
});

/** `Authorization` with a name and a password in it (RFC 7617). */
export function basic(username: string, password: string): string {
  const encoded = toBase64(`${username}:${password}`);
  registerSecret(encoded);
  return `Basic ${encoded}`;
}

/**
 * Gets a Bearer token: by GET with the password, or with none; by POST for an identity token, and by GET where
 * the server knows no POST.
 *
 * Source: distribution, "Token Authentication Specification" and "Oauth2 Token Authentication".
 *
 * @throws LarderError LDR_UNAUTHORIZED, LDR_FORBIDDEN, LDR_BAD_RESPONSE, and what the network says
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
  return transport.send({ method: "GET", url, headers, signal });
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
  // OAuth2 says 400 for a refresh token that is not good any more (RFC 6749 §5.2).
  const isRefusal = status === 401 || status === 403 || (status === 400 && request.credential);
  if (!isRefusal && status !== 404) {
    return await responseError(response, request.realm, subjectOf(request), request.registry);
  }
  await response.body?.cancel();
  if (isRefusal) return rejected(request, request.credential, status);
  return bad(request, `answered ${status}`);
}

function parseToken(body: Uint8Array | undefined, request: TokenRequest, now: number): Token {
  if (!body) throw bad(request, `sent more than ${formatBytes(MAX_DOCUMENT)}`);
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder().decode(body));
  } catch {
    // The parser's own message quotes the text, which may hold a token.
    throw bad(request, "sent something that is not JSON");
  }
  const parsed = v.safeParse(AnswerSchema, document);
  const value = parsed.success && (parsed.output.token || parsed.output.access_token);
  // Only what can stand in a header.
  if (!value || !/^[\x21-\x7e]+$/.test(value)) throw bad(request, "sent no token");
  registerSecret(value);
  return { value, obtainedAt: now, goodUntil: goodUntil(parsed.output, now) };
}

/** By the server's own times, unless its clock and ours are too far apart for them to make sense here. */
function goodUntil(answer: v.InferOutput<typeof AnswerSchema>, now: number): number {
  const seconds = answer.expires_in ?? 0;
  const lifetime = seconds > 0 ? seconds * 1000 : TOKEN_LIFETIME;
  const issued = Math.min(now, Date.parse(answer.issued_at ?? "") || now);
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
    hint: "the registry, or a proxy before it, is set up wrongly: tell its operator",
  });
}
