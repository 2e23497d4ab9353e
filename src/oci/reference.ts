import { LarderError } from "../base/errors.ts";
import { type Digest, parseDigest } from "./digest.ts";

/**
 * The name of content in a registry: `registry/repository` and a tag, a digest or both.
 *
 * Invariant: every part matches the grammar below, so each is safe in a path and in a URL.
 * Source: distribution/reference, with Docker's expansion of the short names of docker.io.
 */
export interface Reference {
  /** Host and optional port in lower case: `docker.io`, `localhost:5000`, `[::1]:5000`; or {@link LOCAL_REGISTRY}. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string | undefined;
  /** If present, the digest selects the content and the tag is only displayed. */
  readonly digest?: Digest | undefined;
}

const DOCKER_HUB = "docker.io";
const DOCKER_HUB_NAMES = new Set([DOCKER_HUB, "index.docker.io", "registry-1.docker.io"]);

/**
 * The registry of what was pushed to `larder serve`. It is no host, and the cache is all it has. Content of Docker Hub's
 * user of that name is `docker.io/local/…`.
 */
export const LOCAL_REGISTRY = "local";

const HOST_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const REGISTRY = new RegExp(
  `^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[0-9a-fA-F:.]+\\])(?::([0-9]{1,5}))?$`,
);
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const TAG_RULE = `letters, digits, "_", "." and "-" (128 at most, not beginning with "." or "-")`;
/** What is certainly meant as a file or folder: `./app`, `/app`, `.`. */
const PATH = /^\.{0,2}[\\/]|^\.{1,2}$/;
/** Characters of a repository, without its registry (distribution/reference). */
const MAX_REPOSITORY = 255;
/** An image ID or a digest, which is no name although the grammar of names permits it (distribution/reference). */
const DIGEST_ALONE = /^(?:(?:sha256:)?[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/**
 * Parses a reference; `nginx` becomes `docker.io/library/nginx:latest`.
 * @throws LarderError LDR_BAD_REFERENCE, which names the part that is wrong
 */
export function parseReference(text: string): Reference {
  if (text === "") throw badReference(text, "it is empty");
  if (/\s/.test(text)) throw badReference(text, "it contains white space");
  if (PATH.test(text)) throw badReference(text, "it is a path");
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text);
  if (scheme) {
    throw badReference(text, `it begins with "${scheme[0]}", but a reference has no scheme`);
  }

  if (DIGEST_ALONE.test(text)) throw badReference(text, "it is a digest without a repository");

  const at = text.indexOf("@");
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : digestPart(text, text.slice(at + 1));

  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/") && !isBareRegistry(named);
  const name = hasTag ? named.slice(0, colon) : named;
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag === "") throw badReference(text, "nothing follows the colon");
  if (tag !== undefined && !TAG.test(tag)) {
    throw badReference(text, `the tag "${tag}" must consist of ${TAG_RULE}`);
  }
  return { ...splitName(text, name), tag: tag ?? (digest ? undefined : "latest"), digest };
}

/** True if a text is a valid tag. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** True for `localhost:5000` alone: the number is a port instead of a tag, and the repository is missing. */
function isBareRegistry(named: string): boolean {
  return !named.includes("/") && /^(?:localhost|.*\..*|\[.*\]):[0-9]+$/.test(named);
}

function digestPart(text: string, digest: string): Digest {
  if (digest === "") throw badReference(text, "nothing follows the @");
  try {
    return parseDigest(digest);
  } catch (error) {
    throw badReference(text, (error as LarderError).message);
  }
}

function splitName(text: string, name: string): { registry: string; repository: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? name : name.slice(0, slash);
  const isRegistry = slash < 0 ? isBareRegistry(name) : namesRegistry(first);
  let registry = isRegistry ? first : DOCKER_HUB;
  let repository = isRegistry ? name.slice(first.length + 1) : name;

  const problem = registryProblem(registry);
  if (problem) throw badReference(text, problem);
  registry = canonicalRegistry(registry);
  if (repository === "") {
    throw badReference(text, `the repository is missing${first && ` after "${first}"`}`);
  }
  if (registry === DOCKER_HUB && !repository.includes("/")) repository = `library/${repository}`;
  checkRepository(text, repository);
  if (repository.length > MAX_REPOSITORY) {
    throw badReference(text, `the repository is longer than ${MAX_REPOSITORY} characters`);
  }
  return { registry, repository };
}

/** True if the first part of a name with several is a registry, not the user of Docker Hub. */
export function namesRegistry(first: string): boolean {
  return /[.:[]/.test(first) || first === "localhost" || first === LOCAL_REGISTRY;
}

/** Returns what is wrong with the name of a registry, or undefined if it is valid. */
function registryProblem(registry: string): string | undefined {
  const match = REGISTRY.exec(registry);
  if (!match) return `the registry "${registry}" is not a host name`;
  const [, port] = match;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    return `the port "${port}" is not between 1 and 65535`;
  }
  // URLs read some numbers as addresses, such as 0x7f.1 as 127.0.0.1: only a host that a URL leaves unchanged is valid.
  const host = URL.parse(`https://${registry}`)?.hostname;
  const isUnchanged = registry.startsWith("[")
    ? host
    : host === registry.replace(/:.*/, "").toLowerCase();
  return isUnchanged ? undefined : `the registry "${registry}" is not a host name or address`;
}

function checkRepository(text: string, repository: string): void {
  for (const component of repository.split("/")) {
    if (isPathComponent(component)) continue;
    const reason = component === ""
      ? "has an empty component"
      : component !== component.toLowerCase() && isPathComponent(component.toLowerCase())
      ? `has upper-case letters in "${component}"`
      : `has the bad component "${component}"`;
    throw badReference(text, `the repository "${repository}" ${reason}`);
  }
}

/** True if a text can be a component of a repository's name. */
export function isPathComponent(text: string): boolean {
  return PATH_COMPONENT.test(text);
}

/** Returns the canonical name of a registry: in lower case, and `docker.io` for all names of Docker Hub. */
export function canonicalRegistry(registry: string): string {
  const lower = registry.toLowerCase();
  return DOCKER_HUB_NAMES.has(lower) ? DOCKER_HUB : lower;
}

/**
 * Parses the name of a registry, as `login` accepts it: a host and optional port, with or without `https://`.
 * @throws LarderError LDR_BAD_REFERENCE
 */
export function parseRegistry(text: string): string {
  const host = text.replace(/^https?:\/\//i, "").replace(/\/(?:v[12]\/?)?$/, "");
  const problem = registryProblem(host);
  if (problem) {
    throw new LarderError("LDR_BAD_REFERENCE", `bad registry "${text}": ${problem}`, {
      hint: "write a host and optional port, such as ghcr.io or localhost:5000",
    });
  }
  return canonicalRegistry(host);
}

/** True for what was pushed to this cache: no registry can be asked for it. */
export function isLocal({ registry }: Pick<Reference, "registry">): boolean {
  return registry === LOCAL_REGISTRY;
}

/** Formats a reference in full: `docker.io/library/nginx:latest`, followed by `@digest` if it has one. */
export function formatReference(reference: Reference): string {
  const { registry, repository, tag, digest } = reference;
  return `${registry}/${repository}${tag ? `:${tag}` : ""}${digest ? `@${digest}` : ""}`;
}

/** Formats a reference as `registry/repository`. */
export function repositoryName(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`;
}

function badReference(text: string, reason: string): LarderError {
  return new LarderError("LDR_BAD_REFERENCE", `bad reference "${text}": ${reason}`, {
    hint: "write ghcr.io/owner/app:tag, name:tag or name@sha256:…",
  });
}
