import { MAX_DOCUMENT } from "../../../base/limits.ts";
import { LarderError } from "../../../base/errors.ts";
import { parseRegistry } from "../../../oci/reference.ts";
import { storeCredential } from "../../../registry/credentials/auth_file.ts";
import { credentialOf } from "../../../registry/credentials/docker_config.ts";
import type { Credential, CredentialSource } from "../../../registry/credentials/credential.ts";
import { hostPlatform } from "../../../store/platform_dirs.ts";
import type { Context } from "../../context.ts";
import { authFile } from "../../credential_paths.ts";
import { openRegistry } from "../../registry_access.ts";
import { askLine, askSecret, canAsk } from "../../terminal/prompt.ts";

export interface LoginOptions {
  readonly username?: string;
  readonly passwordStdin?: boolean;
}

/** `larder login`: checks a user name and a password with the registry, and stores them if they are right. */
export async function login(context: Context, name: string, options: LoginOptions): Promise<void> {
  const registry = parseRegistry(name);
  const file = authFile(hostPlatform);
  if (context.options.offline) {
    throw usage("login has to ask the registry", "leave --offline out");
  }
  const username = await readUsername(options);
  const password = await readPassword(options);
  const source = options.passwordStdin ? "standard input" : "the terminal";
  const asked = await check(context, registry, credentialOf(username, password, source)!);
  storeCredential(file, registry, { username, password });
  context.info(
    asked
      ? `logged in to ${registry} as ${username}; stored in ${file}`
      : `${registry} lets everyone in at /v2/, so nothing was checked; stored in ${file}`,
  );
}

/**
 * Asks the registry with these credentials and no others.
 * @returns whether it wanted any
 * @throws LarderError LDR_UNAUTHORIZED, LDR_FORBIDDEN, or what the network says
 */
async function check(context: Context, registry: string, credential: Credential): Promise<boolean> {
  let asked = false;
  const credentials: CredentialSource = {
    find() {
      asked = true;
      return Promise.resolve(credential);
    },
  };
  const { client } = openRegistry(context, credentials);
  await client.ping(registry, context.interruptible());
  return asked;
}

async function readUsername({ username, passwordStdin }: LoginOptions): Promise<string> {
  if (username === undefined && (passwordStdin || !canAsk())) {
    throw usage("there is no user name, and no terminal to ask for it", "give it with -u NAME");
  }
  const name = (username ?? await askLine("User name:")).trim();
  if (name === "") throw usage("the user name is empty", "give it with -u NAME");
  if (name.includes(":")) {
    // In the form in which names and passwords are sent (RFC 7617) it would end the name.
    throw usage("a user name cannot have a colon in it", "give the name without the password");
  }
  return name;
}

async function readPassword({ passwordStdin }: LoginOptions): Promise<string> {
  if (!passwordStdin && !canAsk()) {
    throw usage(
      "there is no terminal to ask for the password",
      "pipe it in and add --password-stdin",
    );
  }
  const password = passwordStdin ? await readStdin() : await askSecret("Password:");
  if (password === "") throw usage("the password is empty", "give one that is not");
  return password;
}

/** Standard input without its last line break. */
async function readStdin(): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of Deno.stdin.readable) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_DOCUMENT) {
      throw usage("standard input has no password but a lot more", "pipe in the password alone");
    }
  }
  return text.replace(/\r?\n$/, "");
}

function usage(message: string, hint: string): LarderError {
  return new LarderError("LDR_USAGE", message, { hint });
}
