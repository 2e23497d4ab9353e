import { hasCode } from "../base/errors.ts";
import { MAX_NAMED } from "../base/limits.ts";
import { RecentMap } from "../base/recent_map.ts";
import { asDigest, type Digest } from "../oci/digest.ts";
import {
  isTag,
  LOCAL_REGISTRY,
  parseReference,
  parseRegistry,
  type Reference,
} from "../oci/reference.ts";
import { isLoopback } from "../registry/endpoints.ts";
import { ApiError } from "./errors.ts";

/** A repository of an upstream, and its name as the client wrote it. */
interface Named {
  /** Without a tag or digest. */
  readonly repository: Reference;
  readonly name: string;
}

/** What a request asks for. */
export type Route =
  | { readonly kind: "health" | "ping" | "catalog" }
  | Named & { readonly kind: "tags" }
  | Named & { readonly kind: "upload"; readonly upload: string | undefined }
  | Named & { readonly kind: "tag"; readonly tag: string }
  | Named & { readonly kind: "manifest"; readonly digest: Digest }
  | Named & { readonly kind: "blob"; readonly digest: Digest }
  | Named & { readonly kind: "referrers"; readonly digest: Digest };

/** The longest path: a name of 255 characters after a host of 255, a tag of 128, and the rest. */
const MAX_PATH = 1024;

const UPLOAD = /^(.+)\/blobs\/uploads(?:\/([^/]*))?$/;
const ENDPOINT = /^(.+)\/(manifests|blobs|referrers|tags)\/([^/]+)$/;

/** Parsing a path takes 3 µs of the 37 µs of a small request, and its name 8 µs more. */
const routes = new RecentMap<string, Route>(MAX_NAMED);

/**
 * Decides what a request asks for (distribution-spec, "Endpoints"). The upstream is named by `?ns=`, as containerd
 * does, else by the first part of the name if that is a host, else it is `defaultUpstream`.
 *
 * @param query begins with `?` or is empty
 * @param port of this server: containerd, told to ask it for every registry, names it by `?ns=` too
 * @throws ApiError if there is no such endpoint, or a part of the path is malformed
 */
export function routeOf(
  path: string,
  query: string,
  defaultUpstream: string,
  port?: number,
): Route {
  if (path === "/healthz") return { kind: "health" };
  if (path === "/v2/" || path === "/v2") return { kind: "ping" };
  if (path === "/v2/_catalog") return { kind: "catalog" };
  if (!path.startsWith("/v2/") || path.length > MAX_PATH) throw noEndpoint();
  const key = `${defaultUpstream} ${port} ${path}${query}`;
  const known = routes.get(key);
  if (known) return known;
  const route = parseRoute(path, query, defaultUpstream, port);
  routes.set(key, route);
  return route;
}

function parseRoute(
  path: string,
  query: string,
  defaultUpstream: string,
  port: number | undefined,
): Route {
  const rest = decoded(path.slice("/v2/".length));
  const namespace = namespaceOf(query, port);
  const upload = UPLOAD.exec(rest);
  if (upload) {
    const of = named(upload[1]!, namespace, defaultUpstream);
    return { kind: "upload", ...of, upload: upload[2] || undefined };
  }
  const [, name, endpoint, target] = ENDPOINT.exec(rest) ?? [];
  if (name === undefined || target === undefined) throw noEndpoint();
  if (endpoint === "tags" && target !== "list") throw noEndpoint();
  const of = named(name, namespace, defaultUpstream);
  if (endpoint === "tags") return { kind: "tags", ...of };
  if (endpoint === "manifests" && !target.includes(":")) {
    return { kind: "tag", ...of, tag: tagOf(target) };
  }
  const digest = asDigest(target);
  if (!digest) throw new ApiError(400, "DIGEST_INVALID", `"${target}" is not a digest`);
  const kind = endpoint === "manifests" ? "manifest" : endpoint === "blobs" ? "blob" : "referrers";
  return { kind, ...of, digest };
}

/**
 * Returns what `?ns=` names; null for this server, which is on loopback at its port. Programs differ about which of two
 * counts, so that a proxy in front may have checked the other one.
 */
function namespaceOf(query: string, port: number | undefined): string | null {
  if (query === "") return null;
  const [namespace = null, ...others] = new URLSearchParams(query).getAll("ns");
  if (others.length > 0) {
    throw new ApiError(400, "NAME_INVALID", "the query has more than one ns");
  }
  const own = namespace === null ? null : URL.parse(`http://${namespace}`);
  return own && own.port === String(port) && isLoopback(own.hostname) ? null : namespace;
}

/**
 * Returns the repository that a name is of, for one outside of a path.
 * @throws ApiError
 */
export function repositoryOf(name: string, defaultUpstream: string): Reference {
  return named(name, null, defaultUpstream).repository;
}

function named(name: string, namespace: string | null, defaultUpstream: string): Named {
  const first = name.split("/", 1)[0]!;
  const hasHost = !namespace && isHost(first);
  const rest = hasHost ? name.slice(first.length + 1) : name;
  // A tag or digest in it would be left out silently, and a host alone taken for a repository.
  if (rest === "" || /[:@]/.test(rest)) throw badName(name);
  const upstream = namespace ? hostOf(namespace) : hasHost ? first : defaultUpstream;
  const { registry, repository } = invalidName(name, () => parseReference(`${upstream}/${rest}`));
  return { repository: { registry, repository }, name };
}

/** True if the first part of a name is a registry rather than a part of the repository. */
function isHost(part: string): boolean {
  return /[.:[]/.test(part) || part === "localhost" || part === LOCAL_REGISTRY;
}

function hostOf(namespace: string): string {
  // The parser takes `https://HOST/v2/` too, as `larder login` does.
  try {
    if (isHost(namespace) && !namespace.includes("/")) return parseRegistry(namespace);
  } catch (error) {
    if (!hasCode(error, "LDR_BAD_REFERENCE")) throw error;
  }
  throw new ApiError(400, "NAME_INVALID", `"${namespace}" is not the host of a registry`);
}

function tagOf(target: string): string {
  if (isTag(target)) return target;
  throw new ApiError(404, "MANIFEST_UNKNOWN", `"${target}" is not a tag`);
}

function invalidName<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (hasCode(error, "LDR_BAD_REFERENCE")) throw badName(name);
    throw error;
  }
}

function badName(name: string): ApiError {
  return new ApiError(400, "NAME_INVALID", `"${name}" is not the name of a repository`);
}

function noEndpoint(): ApiError {
  return new ApiError(404, "NAME_UNKNOWN", "no such endpoint");
}

function decoded(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw noEndpoint();
  }
}
