import { LarderError } from "../../base/errors.ts";
import { isPathComponent, parseRegistry } from "../../oci/reference.ts";
import type { Place } from "../endpoints.ts";

/** A registry, or a part of one: `mirror.lan`, `localhost:5000/ghcr.io`. */
export interface Location {
  readonly registry: string;
  /** What precedes the names of repositories, such as `ghcr.io`; "" for the whole registry. */
  readonly path: string;
  readonly isPlainHttp?: boolean;
}

const LOCATION = /^(https?:\/\/)?([^/]+)(?:\/(.*?))?\/*$/i;

/**
 * Parses a location, with or without `http://` or `https://`.
 * @throws LarderError LDR_BAD_REFERENCE
 */
export function parseLocation(text: string): Location {
  const [, scheme, host, path = ""] = LOCATION.exec(text) ?? [];
  if (host === undefined) throw badLocation(text, "the host is missing");
  const registry = parseRegistry(host);
  const bad = path === "" ? undefined : path.split("/").find((part) => !isLocationPart(part));
  if (bad !== undefined) throw badLocation(text, `"${bad}" cannot be a part of a path`);
  const isPlainHttp = scheme?.toLowerCase() === "http://";
  return { registry, path, ...isPlainHttp && { isPlainHttp } };
}

/**
 * Returns the place that a location has for a name.
 * @param rest the name without what the location replaces: "" or `/owner/app`
 * @returns undefined if there would be no repository
 */
export function placeAt(location: Location, rest: string): Place | undefined {
  const { registry, path, isPlainHttp } = location;
  const repository = `${path}${rest}`.replace(/^\//, "");
  if (repository === "") return undefined;
  return { registry, repository, ...isPlainHttp && { isPlainHttp } };
}

/** True for a component of a repository, and for a host with a port, which a caching registry can have in its paths. */
function isLocationPart(text: string): boolean {
  if (isPathComponent(text)) return true;
  try {
    return parseRegistry(text) === text;
  } catch {
    return false;
  }
}

function badLocation(text: string, reason: string): LarderError {
  return new LarderError("LDR_BAD_REFERENCE", `bad registry "${text}": ${reason}`, {
    hint:
      "write a host and an optional port and path, such as mirror.lan or localhost:5000/ghcr.io",
  });
}
