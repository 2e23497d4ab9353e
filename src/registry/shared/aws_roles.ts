import * as v from "valibot";
import { LarderError } from "../../base/errors.ts";
import { MAX_DOCUMENT } from "../../base/limits.ts";
import { registerSecret } from "../../base/redact.ts";
import { isLoopback } from "../endpoints.ts";
import { readSmall } from "../http/body.ts";
import type { HttpRequest, Transport } from "../http/transport.ts";
import { type AwsCredentials, credentials, type Environment } from "./aws_credentials.ts";

export interface RoleDependencies {
  readonly env: Environment;
  /** Returns the text of a file that a variable names. @throws LarderError */
  readonly readFile: (path: string) => string;
  readonly region: string;
  /** Reaches services of AWS, by way of a proxy if there is one. */
  readonly transport: Transport;
  /** Reaches addresses of the machine itself. */
  readonly local: Transport;
}

/** The address of Amazon ECS ("IAM roles for tasks"). */
const CONTAINER_SERVICE = "http://169.254.170.2";

/** Addresses that may be asked over HTTP beside loopback ("Container credential provider" of AWS SDKs). */
const CONTAINER_HOSTS = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

const INSTANCE_SERVICE = "http://169.254.169.254";

/** 1 second for which an instance's service is waited for, as in AWS SDKs: elsewhere, nothing answers there. */
const INSTANCE_TIMEOUT = 1000;

/** 6 hours, the most that a token of the instance's service can be valid. */
const TOKEN_SECONDS = "21600";

const RoleSchema = v.object({
  AccessKeyId: v.string(),
  SecretAccessKey: v.string(),
  Token: v.string(),
  Expiration: v.pipe(v.string(), v.isoTimestamp()),
});

/**
 * Returns the credentials of a role for a web identity, as on Amazon EKS and in CI systems; undefined without one
 * ("AssumeRoleWithWebIdentity" of AWS STS).
 */
export async function webIdentityCredentials(
  { env, readFile, region, transport }: RoleDependencies,
): Promise<AwsCredentials | undefined> {
  const file = env("AWS_WEB_IDENTITY_TOKEN_FILE");
  const role = env("AWS_ROLE_ARN");
  if (!file || !role) return undefined;
  const token = readFile(file).trim();
  registerSecret(token);
  const url = new URL(env("AWS_ENDPOINT_URL_STS") || `https://sts.${region}.amazonaws.com/`);
  const body = new URLSearchParams({
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: role,
    RoleSessionName: env("AWS_ROLE_SESSION_NAME") || "larder",
    WebIdentityToken: token,
  }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const text = await ask(transport, { method: "POST", url, headers, body });
  const part = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
  return roleCredentials(url, {
    AccessKeyId: part("AccessKeyId"),
    SecretAccessKey: part("SecretAccessKey"),
    Token: part("SessionToken"),
    Expiration: part("Expiration"),
  });
}

/** Returns the credentials of a container on Amazon ECS or EKS; undefined elsewhere. */
export async function containerCredentials(
  { env, readFile, local }: RoleDependencies,
): Promise<AwsCredentials | undefined> {
  const path = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const full = env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!path && !full) return undefined;
  const url = URL.parse(path ? `${CONTAINER_SERVICE}${path}` : full!);
  const isAllowed = url?.protocol === "https:" ||
    (url?.protocol === "http:" &&
      (isLoopback(url.hostname) || CONTAINER_HOSTS.includes(url.hostname)));
  if (!url || !isAllowed) {
    throw new LarderError("LDR_CONFIG", "AWS_CONTAINER_CREDENTIALS_FULL_URI is not to be asked", {
      hint: "name an HTTPS address, or one of this machine",
    });
  }
  const file = env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  const token = file ? readFile(file).trim() : env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  registerSecret(token);
  const headers: Record<string, string> = token ? { authorization: token } : {};
  const text = await ask(local, { method: "GET", url, headers });
  return roleCredentials(url, parseJson(text));
}

/** Returns the credentials of a machine of Amazon EC2 (version 2 of its metadata service); undefined elsewhere. */
export async function instanceCredentials(
  { env, local }: RoleDependencies,
): Promise<AwsCredentials | undefined> {
  if (env("AWS_EC2_METADATA_DISABLED")?.toLowerCase() === "true") return undefined;
  const base = env("AWS_EC2_METADATA_SERVICE_ENDPOINT") || INSTANCE_SERVICE;
  const signal = AbortSignal.timeout(INSTANCE_TIMEOUT);
  const roles = new URL("/latest/meta-data/iam/security-credentials/", base);
  try {
    const token = await ask(local, {
      method: "PUT",
      url: new URL("/latest/api/token", base),
      headers: { "x-aws-ec2-metadata-token-ttl-seconds": TOKEN_SECONDS, "content-length": "0" },
      signal,
    });
    const headers = { "x-aws-ec2-metadata-token": token };
    const [role = ""] = (await ask(local, { method: "GET", url: roles, headers, signal }))
      .split("\n");
    const url = new URL(encodeURIComponent(role.trim()), roles);
    const text = await ask(local, { method: "GET", url, headers, signal });
    return roleCredentials(url, parseJson(text));
  } catch {
    return undefined; // Most machines are none of Amazon EC2, or have no role.
  }
}

async function ask(transport: Transport, request: HttpRequest): Promise<string> {
  const { url, signal } = request;
  const response = await transport.send({ ...request, once: true });
  const bytes = await readSmall(response, MAX_DOCUMENT, { url, signal });
  if (response.status === 200) return new TextDecoder().decode(bytes);
  throw noCredentials(url, `it answered ${response.status}`, "LDR_FORBIDDEN");
}

function roleCredentials(url: URL, answer: unknown): AwsCredentials | undefined {
  const role = v.safeParse(RoleSchema, answer);
  if (!role.success) throw noCredentials(url, "its answer has none", "LDR_BAD_RESPONSE");
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = role.output;
  return credentials(AccessKeyId, SecretAccessKey, Token, Date.parse(Expiration));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function noCredentials(
  { host }: URL,
  reason: string,
  code: "LDR_FORBIDDEN" | "LDR_BAD_RESPONSE",
): LarderError {
  return new LarderError(code, `no credentials from ${host}: ${reason}`, {
    hint: "check the role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
  });
}
