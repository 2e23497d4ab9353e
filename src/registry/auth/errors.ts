import { LarderError } from "../../base/errors.ts";
import { type Credential, usernameOf } from "../credentials/credential.ts";

/** The registry, or the repository in it, that denied a request. */
interface Subject {
  readonly registry: string;
  readonly repository?: string | undefined;
}

/** `ghcr.io/owner/app`, or `ghcr.io` without a repository. */
function nameOf({ registry, repository }: Subject): string {
  return repository ? `${registry}/${repository}` : registry;
}

function codeOf(status: number): "LDR_FORBIDDEN" | "LDR_UNAUTHORIZED" {
  return status === 403 ? "LDR_FORBIDDEN" : "LDR_UNAUTHORIZED";
}

/** `the credentials of user "bob" from /home/bob/.docker/config.json`. */
function describe(credential: Credential): string {
  const username = usernameOf(credential);
  const what = username === undefined ? "the token" : `the credentials of user "${username}"`;
  return `${what} from ${credential.source}`;
}

/** The error for wrong credentials, or for none if the registry requires some. */
export function credentialsRejected(
  subject: Subject,
  credential: Credential | undefined,
  status: number,
): LarderError {
  const { registry } = subject;
  if (!credential) {
    return new LarderError(
      codeOf(status),
      `${nameOf(subject)} needs credentials, and none were found for ${registry}`,
      {
        hint:
          `check the name, because a missing repository looks the same, or run larder login ${registry}`,
      },
    );
  }
  return new LarderError(codeOf(status), `${registry} rejected ${describe(credential)}`, {
    hint:
      `check the user name and the password; those that larder login ${registry} stores are used before all but those in REGISTRY_AUTH_FILE`,
  });
}

/** The error for valid credentials that do not permit the request. */
export function accessDenied(
  subject: Subject,
  credential: Credential | undefined,
  status: number,
): LarderError {
  if (!credential) return credentialsRejected(subject, credential, status);
  return new LarderError(
    codeOf(status),
    `${nameOf(subject)} denied access to ${describe(credential)}`,
    {
      hint:
        "check the name, because a missing repository looks the same, and the account's permissions",
    },
  );
}

/** The error for a denial without a challenge that larder can answer. */
export function noChallenge(subject: Subject, status: number): LarderError {
  const { registry } = subject;
  const message = status === 403
    ? `${registry} denied access to ${nameOf(subject)}`
    : `${nameOf(subject)} needs credentials, but ${registry} does not say of which kind`;
  return new LarderError(codeOf(status), message, {
    hint: status === 403
      ? `check the name and the account's permissions; larder login ${registry} sets another account`
      : "check the address and the proxies, since another server may have answered",
  });
}

/** The error for a credential of a kind that cannot answer a Basic challenge. */
export function passwordRequired(registry: string, credential: Credential): LarderError {
  return new LarderError(
    "LDR_UNAUTHORIZED",
    `${registry} requires a user name and a password, but ${describe(credential)} has none`,
    { hint: `larder login ${registry} stores a user name and a password` },
  );
}

/** The error for credentials that plain HTTP would expose. */
export function insecureChannel(registry: string, target: URL, downgrade: boolean): LarderError {
  return new LarderError(
    "LDR_UNAUTHORIZED",
    `the credentials for ${registry} were not sent to ${target.host}, which uses plain HTTP`,
    {
      hint: downgrade
        ? "tell the registry's operator: its token server must use HTTPS as the registry does"
        : "use a registry with HTTPS, or --insecure on a network that you trust",
    },
  );
}
