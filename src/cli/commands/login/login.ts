import { LarderError } from "../../../base/errors.ts";
import { MAX_DOCUMENT } from "../../../base/limits.ts";
import { parseRegistry } from "../../../oci/reference.ts";
import { storeCredential } from "../../../registry/credentials/auth_file.ts";
import type { Credential, CredentialSource } from "../../../registry/credentials/credential.ts";
import { CredentialFile, credentialOf } from "../../../registry/credentials/docker_config.ts";
import { hostPlatform } from "../../../store/platform_dirs.ts";
import type { Context } from "../../context.ts";
import { authFile } from "../../registry/credential_paths.ts";
import { openRegistry } from "../../registry/registry_access.ts";
import { askLine, askSecret, canAsk } from "../../terminal/prompt.ts";

export interface LoginOptions {
  readonly username?: string;
  readonly passwordStdin?: boolean;
}

/** `larder login`: checks a user name and password with the registry, and stores them if it accepts them. */
export async function login(context: Context, name: string, options: LoginOptions): Promise<void> {
  const registry = parseRegistry(name);
  const file = authFile(hostPlatform);
  if (context.options.offline) {
    throw usage("login cannot check a password with --offline", "leave out --offline");
  }
  const username = await readUsername(context, options);
  const password = await readPassword(context, options);
  const source = options.passwordStdin ? "standard input" : "the terminal";
  const isChecked = await check(context, registry, credentialOf(username, password, source)!);
  storeCredential(file, registry, { username, password });
  context.info(
    isChecked
      ? `logged in to ${registry} as ${username}; stored in ${file}`
      : `stored in ${file}, but not checked: ${registry} allows anonymous access to /v2/`,
  );
  const named = Deno.env.get("REGISTRY_AUTH_FILE");
  if (named && hasCredential(named, registry)) {
    context.warn(
      `${named} has other credentials for ${registry}, which are used first, because REGISTRY_AUTH_FILE names it`,
    );
  }
}

function hasCredential(path: string, registry: string): boolean {
  try {
    return new CredentialFile(path).find(registry, undefined) !== undefined;
  } catch {
    return false; // A broken file is passed over.
  }
}

/**
 * Requests `/v2/` with this credential and no other.
 * @returns true if the registry asked for a credential
 * @throws LarderError LDR_UNAUTHORIZED or LDR_FORBIDDEN if it refuses this one, or the code of a network failure
 */
async function check(context: Context, registry: string, credential: Credential): Promise<boolean> {
  let isRequested = false;
  const credentials: CredentialSource = {
    find() {
      isRequested = true;
      return Promise.resolve(credential);
    },
  };
  const { client } = openRegistry(context, credentials);
  try {
    await client.ping(registry, context.interruptible());
  } catch (error) {
    throw withoutLoginHint(error, registry);
  }
  return isRequested;
}

/** Replaces a hint to log in, which is what the user is doing. */
function withoutLoginHint(error: unknown, registry: string): unknown {
  if (!(error instanceof LarderError) || !error.hint.includes("larder login")) return error;
  return new LarderError(error.code, error.message, {
    hint: `check the user name, the password, and that ${registry} is the registry's address`,
    cause: error,
  });
}

async function readUsername(
  context: Context,
  { username, passwordStdin }: LoginOptions,
): Promise<string> {
  if (username === undefined && (passwordStdin || !canAsk())) {
    throw usage("no user name, and no terminal to ask for it", "pass it with -u NAME");
  }
  const name = (username ?? given(await askLine("User name:", context.interruptible()))).trim();
  if (name === "") throw usage("the user name is empty", "pass it with -u NAME");
  if (name.includes(":")) {
    // Basic authentication ends the name at the first colon (RFC 7617 section 2).
    throw usage("a user name cannot contain a colon", "pass the name without the password");
  }
  return name;
}

async function readPassword(context: Context, { passwordStdin }: LoginOptions): Promise<string> {
  if (!passwordStdin && !canAsk()) {
    throw usage(
      "no password, and no terminal to ask for it",
      "pipe it in and add --password-stdin",
    );
  }
  const password = passwordStdin
    ? await readStdin()
    : given(await askSecret("Password:", context.interruptible()));
  if (password === "") {
    throw usage("the password is empty", "enter a password, or pipe it in with --password-stdin");
  }
  return password;
}

/** Fails if the user has ended the input instead of giving an answer. */
function given(answer: string | undefined): string {
  if (answer !== undefined) return answer;
  throw new LarderError("LDR_INTERRUPTED", "the login was cancelled: nothing was stored", {
    hint: "run it again, or pass -u NAME and pipe the password in with --password-stdin",
  });
}

/** Reads standard input without its last line break. */
async function readStdin(): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of Deno.stdin.readable) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_DOCUMENT) {
      throw usage("standard input is too long for a password", "pipe in only the password");
    }
  }
  return text.replace(/\r?\n$/, "");
}

function usage(message: string, hint: string): LarderError {
  return new LarderError("LDR_USAGE", message, { hint });
}
