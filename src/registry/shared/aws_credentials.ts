import type { Clock } from "../../base/concurrency.ts";
import { registerSecret } from "../../base/redact.ts";

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** Milliseconds since the epoch; absent for those that do not expire. */
  readonly expiresAt?: number | undefined;
}

/** Returns credentials, or undefined if requests are not signed. */
export type FindCredentials = () => Promise<AwsCredentials | undefined>;

export type Environment = (name: string) => string | undefined;

/** 5 minutes before their end at which credentials are asked for again, and for which files are not read again. */
const RENEW_TIME = 5 * 60_000;

/** Remembers credentials until shortly before they expire, for a server that runs for days. */
export function remembered(find: FindCredentials, clock: Clock): FindCredentials {
  let known: Promise<AwsCredentials | undefined> | undefined;
  let until = 0;
  return async () => {
    if (known && clock.now() < until) return await known;
    const now = clock.now();
    until = Infinity; // All requests wait for the same answer.
    const asked = known = find();
    try {
      const found = await asked;
      until = found?.expiresAt === undefined ? now + RENEW_TIME : found.expiresAt - RENEW_TIME;
      return found;
    } catch (error) {
      known = undefined;
      throw error;
    }
  };
}

/** Returns the credentials of the environment ("Environment variables" of the AWS CLI). */
export function environmentCredentials(env: Environment): AwsCredentials | undefined {
  return credentials(
    env("AWS_ACCESS_KEY_ID"),
    env("AWS_SECRET_ACCESS_KEY"),
    env("AWS_SESSION_TOKEN"),
  );
}

/**
 * Returns the credentials of a profile ("Configuration and credential file settings" of the AWS CLI).
 * @param text that of `~/.aws/credentials`
 */
export function profileCredentials(text: string, env: Environment): AwsCredentials | undefined {
  const profile = readProfile(text, env("AWS_PROFILE") || "default");
  return credentials(
    profile.get("aws_access_key_id"),
    profile.get("aws_secret_access_key"),
    profile.get("aws_session_token"),
  );
}

/** Returns credentials unless a part is missing, and keeps them out of messages. */
export function credentials(
  accessKeyId: string | undefined,
  secretAccessKey: string | undefined,
  sessionToken: string | undefined,
  expiresAt?: number,
): AwsCredentials | undefined {
  if (!accessKeyId || !secretAccessKey) return undefined;
  registerSecret(secretAccessKey);
  registerSecret(sessionToken);
  return {
    accessKeyId,
    secretAccessKey,
    ...sessionToken && { sessionToken },
    ...expiresAt !== undefined && { expiresAt },
  };
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
