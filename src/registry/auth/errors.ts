import { LarderError } from "../../base/errors.ts";
import { type Credential, usernameOf } from "../credentials/credential.ts";

/** What was refused, in words for a message: `ghcr.io/owner/app`, or `ghcr.io` where there is no repository. */
export function placeOf(subject: { registry: string; repository?: string | undefined }): string {
  return subject.repository ? `${subject.registry}/${subject.repository}` : subject.registry;
}

/** The code for a refusal with this status. */
function codeOf(status: number): "LDR_FORBIDDEN" | "LDR_UNAUTHORIZED" {
  return status === 403 ? "LDR_FORBIDDEN" : "LDR_UNAUTHORIZED";
}

/** `the credentials of user "bob" from /home/bob/.docker/config.json`. */
function describe(credential: Credential): string {
  const username = usernameOf(credential);
  const what = username === undefined ? "the token" : `the credentials of user "${username}"`;
  return `${what} from ${credential.source}`;
}

/** The registry, or its token server, says that the credentials are wrong; without any, that some are needed. */
export function rejected(
  subject: { registry: string; repository?: string | undefined },
  credential: Credential | undefined,
  status: number,
): LarderError {
  const { registry } = subject;
  if (!credential) {
    return new LarderError(
      codeOf(status),
      `${placeOf(subject)} needs credentials, and there are none for ${registry}`,
      {
        hint: `check the name, as what does not exist looks the same, or larder login ${registry}`,
      },
    );
  }
  return new LarderError(
    codeOf(status),
    `${registry} rejected ${describe(credential)}`,
    { hint: `check the name and the password; what larder login ${registry} stores is used first` },
  );
}

/** The credentials are right, but what they are good for is not enough. */
export function noAccess(
  subject: { registry: string; repository?: string | undefined },
  credential: Credential | undefined,
  status: number,
): LarderError {
  if (!credential) return rejected(subject, credential, status);
  return new LarderError(
    codeOf(status),
    `${placeOf(subject)} gives no access to ${describe(credential)}`,
    {
      hint: "check the name, as what does not exist looks the same, and what the account may read",
    },
  );
}

/** A refusal that does not say how to do better. */
export function noChallenge(
  subject: { registry: string; repository?: string | undefined },
  status: number,
): LarderError {
  const { registry } = subject;
  const message = status === 403
    ? `${registry} forbids access to ${placeOf(subject)}`
    : `${placeOf(subject)} needs credentials, but ${registry} does not say of which kind`;
  return new LarderError(codeOf(status), message, {
    hint: status === 403
      ? `check the name and what the account may read; larder login ${registry} sets another one`
      : "something between here and the registry may have answered: check proxies and the address",
  });
}

/** The credentials that there are cannot answer what the registry asks. */
export function unusable(registry: string, credential: Credential): LarderError {
  return new LarderError(
    "LDR_UNAUTHORIZED",
    `${registry} asks for a user name and a password, and ${describe(credential)} is neither`,
    { hint: `larder login ${registry} stores a user name and a password` },
  );
}

/** The credentials would cross the network where others can read them. */
export function exposed(registry: string, target: URL, downgrade: boolean): LarderError {
  return new LarderError(
    "LDR_UNAUTHORIZED",
    `the credentials for ${registry} were not sent to ${target.host}, which speaks plain HTTP`,
    {
      hint: downgrade
        ? "the registry is set up wrongly: it speaks HTTPS, its token server must as well"
        : "use a registry with HTTPS, or --insecure where the network can be trusted",
    },
  );
}
