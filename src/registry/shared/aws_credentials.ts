import { registerSecret } from "../../base/redact.ts";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/**
 * Returns the credentials of the environment, or else those of a profile in a credentials file, as the tools of AWS do
 * ("Configuration settings and precedence" of the AWS CLI); undefined if there are none.
 *
 * @param readFile returns the text of `~/.aws/credentials`, if there is one
 */
export function findAwsCredentials(
  env: (name: string) => string | undefined,
  readFile: () => string | undefined,
): AwsCredentials | undefined {
  const own = credentials(
    env("AWS_ACCESS_KEY_ID"),
    env("AWS_SECRET_ACCESS_KEY"),
    env("AWS_SESSION_TOKEN"),
  );
  if (own) return own;
  const profile = readProfile(readFile() ?? "", env("AWS_PROFILE") || "default");
  return credentials(
    profile.get("aws_access_key_id"),
    profile.get("aws_secret_access_key"),
    profile.get("aws_session_token"),
  );
}

function credentials(
  accessKeyId: string | undefined,
  secretAccessKey: string | undefined,
  sessionToken: string | undefined,
): AwsCredentials | undefined {
  if (!accessKeyId || !secretAccessKey) return undefined;
  registerSecret(secretAccessKey);
  registerSecret(sessionToken);
  return { accessKeyId, secretAccessKey, ...sessionToken && { sessionToken } };
}

/** Reads one section of an INI file. */
function readProfile(text: string, profile: string): Map<string, string> {
  const values = new Map<string, string>();
  let section: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[\s*(.+?)\s*\]/.exec(line);
    if (header) section = header[1];
    const [, key, value] = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (section === profile && key !== undefined) values.set(key, value!);
  }
  return values;
}
