import * as v from "valibot";
import { fromBase64 } from "../../base/base64.ts";
import { LarderError, messageOf } from "../../base/errors.ts";
import { readTextIfAny } from "../../base/files/files.ts";
import { matchesGlob } from "../../base/glob.ts";
import { registerSecret } from "../../base/redact.ts";
import { canonicalRegistry } from "../../oci/reference.ts";
import type { Credential } from "./credential.ts";

/** Docker's key for Docker Hub in its files and for its helpers. */
const DOCKER_HUB_KEY = "https://index.docker.io/v1/";

/** The user name that marks the secret as an identity token. Source: docker-credential-helpers. */
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

/** A helper program, and its name for the registry. */
export interface HelperCall {
  /** The program's name without `docker-credential-`. */
  readonly helper: string;
  readonly server: string;
}

/**
 * A credentials file in the format of Docker's `config.json` or a part of it, as Podman's, Spin's and larder's own are.
 * It is read once, at the first lookup; a missing file has no credentials.
 */
export class CredentialFile {
  readonly path: string;
  #content: v.InferOutput<typeof FileSchema> | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Returns the helper to run before {@link find}: the registry's own, or else the default one (Docker's order). */
  helperFor(registry: string): HelperCall | undefined {
    const { credHelpers, credsStore } = this.#read();
    const all = Object.entries(credHelpers ?? {});
    const own = all.filter(([key]) => isFor(key, registry) && splitKey(key).path === "")
      .sort(([a], [b]) => rankOf(a, registry) - rankOf(b, registry))[0];
    const pattern = all.filter(([key]) => matchesHost(key, registry))
      .sort(([a], [b]) => b.length - a.length)[0];
    // An empty name excludes a registry from the default helper.
    const [server, helper] = own ?? [serverKey(registry), pattern ? pattern[1] : credsStore];
    return helper ? { helper, server } : undefined;
  }

  /** Returns the credentials in the file itself, of the key with the longest match. */
  find(registry: string, repository: string | undefined): Credential | undefined {
    const matches = Object.entries(this.#read().auths ?? {})
      .filter(([key]) => isFor(key, registry) && covers(splitKey(key).path, repository))
      .sort(([a], [b]) =>
        splitKey(b).path.length - splitKey(a).path.length ||
        rankOf(a, registry) - rankOf(b, registry)
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
 * Reads the JSON object of a credentials file.
 * @returns undefined if the file is missing or empty
 * @throws LarderError LDR_CONFIG, without any text of the file
 */
export function readDocument(path: string): Record<string, unknown> | undefined {
  let text: string | undefined;
  try {
    text = readTextIfAny(path);
  } catch (error) {
    const reason = messageOf(error).replace(`cannot read ${path}: `, "");
    throw badFile(path, `it cannot be read: ${reason}`);
  }
  if (text === undefined || text.trim() === "") return undefined;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw badFile(path, "it is not JSON"); // The parser's message is left out because it quotes the file.
  }
  if (!v.is(FileSchema, document)) {
    throw badFile(path, "it does not have the format of Docker's config.json");
  }
  return document as Record<string, unknown>;
}

/** Returns the key of a registry in a file that Docker can read. */
export function serverKey(registry: string): string {
  return registry === "docker.io" ? DOCKER_HUB_KEY : registry;
}

/** True if a key is for this registry or for a part of it. */
export function isFor(key: string, registry: string): boolean {
  return splitKey(key).registry === registry;
}

/**
 * Splits a key: `https://index.docker.io/v1/` is `docker.io`, `quay.io/team/app` the path `team/app` of `quay.io`. A key
 * with a scheme is the address of a server, whose path Docker ignores.
 */
export function splitKey(key: string): { registry: string; path: string } {
  const address = key.replace(/^https?:\/\//i, "");
  const [host = "", ...rest] = address.split("/");
  const path = rest.join("/").replace(/\/+$/, "");
  const isWhole = address !== key || /^v[12]$/.test(path);
  return { registry: canonicalRegistry(host), path: isWhole ? "" : path };
}

/** Orders the keys of one registry: the one that `docker login` writes, the registry's name, and then the others. */
function rankOf(key: string, registry: string): number {
  const rank = [serverKey(registry), registry].indexOf(key);
  return rank < 0 ? 2 : rank;
}

/** True if a key with `*` matches a host: `*.dkr.ecr.*.amazonaws.com`. A `*` matches within one label. */
function matchesHost(key: string, registry: string): boolean {
  if (!key.includes("*")) return false;
  const [patterns, labels] = [key.toLowerCase().split("."), registry.split(".")];
  return patterns.length === labels.length &&
    patterns.every((pattern, i) => matchesGlob(pattern, labels[i]!));
}

/** Source: containers-auth.json(5). */
function covers(path: string, repository: string | undefined): boolean {
  return path === "" || repository === path || (repository?.startsWith(`${path}/`) ?? false);
}

/** Makes a credential of a user name, which may mark the secret as an identity token, and a secret. */
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

/** Reads an entry of `auths`: Spin writes only the value of `auth`, and Docker none if a helper has the secret. */
function readEntry(entry: unknown, path: string, key: string): Credential | undefined {
  const parsed = v.safeParse(EntrySchema, typeof entry === "string" ? { auth: entry } : entry);
  if (!parsed.success) throw badFile(path, `the entry "${key}" is invalid`);
  const { auth, identitytoken, registrytoken } = parsed.output;
  for (const secret of [auth, identitytoken, registrytoken]) registerSecret(secret ?? undefined);
  const pair = auth
    ? decodeAuth(auth)
    : [parsed.output.username ?? "", parsed.output.password ?? ""];
  if (!pair) throw badFile(path, `the "auth" of the entry "${key}" is not user:password in base64`);
  if (registrytoken) {
    // The runtime's error for a header that it refuses quotes the token.
    if (/[^\x21-\x7e]/.test(registrytoken)) {
      throw badFile(path, `the "registrytoken" of the entry "${key}" is not a token`);
    }
    return { registryToken: registrytoken, source: path };
  }
  if (identitytoken) {
    return { identityToken: identitytoken, username: pair[0] || undefined, source: path };
  }
  return credentialOf(pair[0]!, pair[1]!, path);
}

function decodeAuth(auth: string): [username: string, password: string] | undefined {
  const text = fromBase64(auth);
  const colon = text?.indexOf(":") ?? -1;
  if (text === undefined || colon < 0) return undefined;
  // Docker drops NULs around the password too.
  return [text.slice(0, colon), text.slice(colon + 1).replace(/^\0+|\0+$/g, "")];
}

function badFile(path: string, reason: string): LarderError {
  return new LarderError("LDR_CONFIG", `bad credentials file ${path}: ${reason}`, {
    hint: "fix the file, or move it away",
  });
}
