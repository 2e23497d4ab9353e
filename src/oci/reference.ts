import { LarderError } from "../base/errors.ts";
import { type Digest, parseDigest } from "./digest.ts";

/**
 * Names content in a registry: `registry/repository`, then a tag, a digest or both.
 *
 * Every part has passed the grammar below, so each is safe as part of a path and of a URL.
 * Source: distribution/reference, and docker.io's short names as Docker writes them out.
 */
export interface Reference {
  /** Host and optional port, lower case: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string | undefined;
  /** Where it is given it decides, and the tag is only for display. */
  readonly digest?: Digest | undefined;
}

const DOCKER_HUB = "docker.io";
const DOCKER_HUB_NAMES = new Set([DOCKER_HUB, "index.docker.io", "registry-1.docker.io"]);

const HOST_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const REGISTRY = new RegExp(
  `^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[0-9a-fA-F:.]+\\])(?::([0-9]{1,5}))?$`,
);
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const MAX_NAME = 255;

/**
 * Reads a reference: `nginx` is `docker.io/library/nginx:latest`.
 * @throws LarderError LDR_BAD_REFERENCE, saying which part is wrong
 */
export function parseReference(text: string): Reference {
  if (text === "") throw bad(text, "it is empty");
  if (/\s/.test(text)) throw bad(text, "it has white space in it");
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text);
  if (scheme) throw bad(text, `it begins with "${scheme[0]}", and a reference has no scheme`);

  const at = text.indexOf("@");
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : digestPart(text, text.slice(at + 1));

  const colon = named.lastIndexOf(":");
  const hasTag = colon > named.lastIndexOf("/") && !isBareRegistry(named);
  const name = hasTag ? named.slice(0, colon) : named;
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) {
    throw bad(text, `the tag "${tag}" may only have letters, digits, "_", "." and "-", up to 128`);
  }
  return { ...splitName(text, name), tag: tag ?? (digest ? undefined : "latest"), digest };
}

/** `localhost:5000` alone: the part behind the colon is a port, and the repository is missing. */
function isBareRegistry(named: string): boolean {
  return !named.includes("/") && /^(?:localhost|.*\..*|\[.*\]):[0-9]+$/.test(named);
}

function digestPart(text: string, digest: string): Digest {
  try {
    return parseDigest(digest);
  } catch (error) {
    throw bad(text, (error as LarderError).message);
  }
}

function splitName(text: string, name: string): { registry: string; repository: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? name : name.slice(0, slash);
  const isRegistry = slash < 0
    ? isBareRegistry(name)
    : /[.:[]/.test(first) || first === "localhost";
  let registry = isRegistry ? first : DOCKER_HUB;
  let repository = isRegistry ? name.slice(first.length + 1) : name;

  const fault = registryFault(registry);
  if (fault) throw bad(text, fault);
  registry = canonicalRegistry(registry);
  if (repository === "") throw bad(text, `the repository is missing behind "${first}"`);
  if (registry === DOCKER_HUB && !repository.includes("/")) repository = `library/${repository}`;
  checkRepository(text, repository);
  if (registry.length + 1 + repository.length > MAX_NAME) {
    throw bad(text, `the name is longer than ${MAX_NAME} characters`);
  }
  return { registry, repository };
}

/** What is wrong with a registry's name, or undefined if it is one. */
function registryFault(registry: string): string | undefined {
  const match = REGISTRY.exec(registry);
  if (!match) return `the registry "${registry}" is not a host name`;
  const [, port] = match;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    return `the port "${port}" is not between 1 and 65535`;
  }
  // URLs take some numbers for addresses, 0x7f.1 for 127.0.0.1: what is asked must be what is shown.
  const host = URL.parse(`https://${registry}`)?.hostname;
  const isItself = registry.startsWith("[")
    ? host
    : host === registry.replace(/:.*/, "").toLowerCase();
  return isItself ? undefined : `the registry "${registry}" is not a host name or address`;
}

function checkRepository(text: string, repository: string): void {
  for (const component of repository.split("/")) {
    if (PATH_COMPONENT.test(component)) continue;
    const reason = component === ""
      ? "has an empty part"
      : component !== component.toLowerCase() && PATH_COMPONENT.test(component.toLowerCase())
      ? `has upper-case letters in "${component}"`
      : `has a bad part "${component}"`;
    throw bad(text, `the repository "${repository}" ${reason}`);
  }
}

/** The one name of a registry: lower case, and `docker.io` for each of Docker Hub's names. */
export function canonicalRegistry(registry: string): string {
  const lower = registry.toLowerCase();
  return DOCKER_HUB_NAMES.has(lower) ? DOCKER_HUB : lower;
}

/**
 * Reads a registry's name, as `login` takes it: a host and optional port, with or without `https://`.
 * @throws LarderError LDR_BAD_REFERENCE
 */
export function parseRegistry(text: string): string {
  const host = text.replace(/^https?:\/\//i, "").replace(/\/(?:v[12]\/?)?$/, "");
  const fault = registryFault(host);
  if (fault) {
    throw new LarderError("LDR_BAD_REFERENCE", `bad registry "${text}": ${fault}`, {
      hint: "write a host and, where it needs one, a port, such as ghcr.io or localhost:5000",
    });
  }
  return canonicalRegistry(host);
}

/** The full form: `docker.io/library/nginx:latest`, with `@digest` where there is one. */
export function formatReference(reference: Reference): string {
  const { registry, repository, tag, digest } = reference;
  return `${registry}/${repository}${tag ? `:${tag}` : ""}${digest ? `@${digest}` : ""}`;
}

/** `registry/repository`. */
export function repositoryName(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`;
}

function bad(text: string, reason: string): LarderError {
  return new LarderError("LDR_BAD_REFERENCE", `bad reference "${text}": ${reason}`, {
    hint: "a reference looks like ghcr.io/owner/app:tag, name:tag or name@sha256:…",
  });
}
