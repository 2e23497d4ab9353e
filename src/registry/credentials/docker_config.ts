import * as v from "valibot";
import { fromBase64 } from "../../base/base64.ts";
import { LarderError, messageOf } from "../../base/errors.ts";
import { readTextIfAny } from "../../base/files.ts";
import { registerSecret } from "../../base/redact.ts";
import { canonicalRegistry } from "../../oci/reference.ts";
import type { Credential } from "./credential.ts";

/** What Docker calls Docker Hub in its files and to its helpers. */
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

/** The user name that stands before an identity token. Source: docker-credential-helpers. */
const TOKEN_USER = "<token>";

const Text = v.nullish(v.string());
const FileSchema = v.object({
  auths: v.nullish(v.record(v.string(), v.unknown())),
  credHelpers: v.nullish(v.record(v.string(), v.string())),
  credsStore: Text,
});
const EntrySchema = v.object({
  auth: Text,
  username: Text,
  password: Text,
  identitytoken: Text,
  registrytoken: Text,
});

/** A helper program and the name by which it knows the registry. */
export interface HelperCall {
  /** Its name without the `docker-credential-` in front. */
  readonly helper: string;
  readonly server: string;
}

/**
 * One file of credentials, read when it is first asked and never again: Docker's `config.json`, and what has the
 * same form or a part of it, as Podman's, Spin's and larder's own do. One that is not there has no credentials.
 */
export class CredentialFile {
  readonly path: string;
  #content: v.InferOutput<typeof FileSchema> | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** The helper to ask first: the registry's own, else the one for all (Docker's order). */
  helperFor(registry: string): HelperCall | undefined {
    const { credHelpers, credsStore } = this.#read();
    const own = Object.entries(credHelpers ?? {})
      .find(([key]) => isFor(key, registry) && splitKey(key).path === "");
    // An empty name keeps a registry from the helper for all.
    const [server, helper] = own ?? [serverKey(registry), credsStore];
    return helper ? { helper, server } : undefined;
  }

  /** The credentials in the file itself, those for the longest part of the repository's name first. */
  find(registry: string, repository: string | undefined): Credential | undefined {
    const matches = Object.entries(this.#read().auths ?? {})
      .filter(([key]) => isFor(key, registry) && covers(splitKey(key).path, repository))
      .sort(([a], [b]) =>
        splitKey(b).path.length - splitKey(a).path.length ||
        Number(b === DOCKER_HUB_KEY) - Number(a === DOCKER_HUB_KEY)
      );
    for (const [key, entry] of matches) {
      const credential = readEntry(entry, this.path, key);
      if (credential) return credential;
    }
    return undefined;
  }

  #read(): v.InferOutput<typeof FileSchema> {
    return this.#content ??= v.parse(FileSchema, readDocument(this.path) ?? {});
  }
}

/**
 * The JSON object in a file of credentials, or undefined where there is no file or nothing in it.
 * @throws LarderError LDR_CONFIG, without a word of what is in the file
 */
export function readDocument(path: string): Record<string, unknown> | undefined {
  let text: string | undefined;
  try {
    text = readTextIfAny(path);
  } catch (error) {
    const reason = messageOf(error instanceof LarderError ? error.cause ?? error : error);
    throw broken(path, `it cannot be read: ${reason}`);
  }
  if (text === undefined || text.trim() === "") return undefined;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw broken(path, "it is not JSON"); // The parser's own message quotes the file.
  }
  if (!v.is(FileSchema, document)) {
    throw broken(path, "it is not in the form of Docker's config.json");
  }
  return document as Record<string, unknown>;
}

/** The key of a registry in a file that Docker shall be able to read. */
export function serverKey(registry: string): string {
  return registry === "docker.io" ? DOCKER_HUB_KEY : registry;
}

/** Whether a key is for this registry or a part of it. */
export function isFor(key: string, registry: string): boolean {
  return splitKey(key).registry === registry;
}

/** `https://index.docker.io/v1/` is `docker.io`; `quay.io/team/app` is a part of `quay.io`. */
export function splitKey(key: string): { registry: string; path: string } {
  const [host = "", ...rest] = key.replace(/^https?:\/\//i, "").split("/");
  const path = rest.join("/").replace(/\/+$/, "");
  return { registry: canonicalRegistry(host), path: /^v[12]$/.test(path) ? "" : path };
}

/** Source: containers-auth.json(5). */
function covers(path: string, repository: string | undefined): boolean {
  return path === "" || repository === path || (repository?.startsWith(`${path}/`) ?? false);
}

/** A credential made of a user name and a secret, where the name may say that the secret is an identity token. */
export function credentialOf(
  username: string,
  secret: string,
  source: string,
): Credential | undefined {
  if (username === "" || secret === "") return undefined;
  registerSecret(secret);
  return username === TOKEN_USER
    ? { identityToken: secret, source }
    : { username, password: secret, source };
}

/** An entry of `auths`; Spin writes only the value of `auth`. Docker leaves empty ones where a helper has it. */
function readEntry(entry: unknown, path: string, key: string): Credential | undefined {
  const parsed = v.safeParse(EntrySchema, typeof entry === "string" ? { auth: entry } : entry);
  if (!parsed.success) throw broken(path, `the entry "${key}" is not understood`);
  const { auth, identitytoken, registrytoken } = parsed.output;
  for (const secret of [auth, identitytoken, registrytoken]) registerSecret(secret ?? undefined);
  const pair = auth
    ? decodeAuth(auth)
    : [parsed.output.username ?? "", parsed.output.password ?? ""];
  if (!pair) throw broken(path, `the entry "${key}" has no base64 of a name and a password`);
  if (registrytoken) return { registryToken: registrytoken, source: path };
  if (identitytoken) {
    return { identityToken: identitytoken, username: pair[0] || undefined, source: path };
  }
  return credentialOf(pair[0]!, pair[1]!, path);
}

function decodeAuth(auth: string): [username: string, password: string] | undefined {
  const text = fromBase64(auth);
  const colon = text?.indexOf(":") ?? -1;
  if (text === undefined || colon < 0) return undefined;
  // Docker itself drops NULs around the password.
  return [text.slice(0, colon), text.slice(colon + 1).replace(/^\0+|\0+$/g, "")];
}

function broken(path: string, reason: string): LarderError {
  return new LarderError("LDR_CONFIG", `bad credentials file ${path}: ${reason}`, {
    hint: "mend the file, or move it away",
  });
}
