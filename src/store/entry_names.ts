import { matchesGlob } from "../base/glob.ts";

const DOCKER_HUB = "docker.io/";
const LIBRARY = "library/";
const LATEST = ":latest";

/** The digest at the end of the name of an image or build. */
const AT_DIGEST = /(@sha(?:256|512):[0-9a-f]{12})[0-9a-f]+$/;

/** The name of a compiled entry: the digest of the component and the version of the engine. */
const COMPILED = /^sha(?:256|512):([0-9a-f]{12})[0-9a-f]*\/(.+)$/;

/**
 * True if a name or glob that a user wrote matches the name of an entry, in full or in a short form: `nginx` matches
 * `docker.io/library/nginx:latest`.
 */
export function matchesName(pattern: string, name: string): boolean {
  return spellings(name).some((spelling) => matchesGlob(pattern, spelling));
}

/**
 * Returns all forms of a name: without `docker.io`, without `library`, without the tag `latest`, and
 * with the first 12 digits of a digest.
 */
export function spellings(name: string): string[] {
  const names = [...new Set([name, shortName(name)])];
  if (name.startsWith(DOCKER_HUB)) {
    const short = name.slice(DOCKER_HUB.length);
    names.push(short);
    if (short.startsWith(LIBRARY)) names.push(short.slice(LIBRARY.length));
  }
  if (!name.endsWith(LATEST)) return names;
  return [...names, ...names.map((each) => each.slice(0, -LATEST.length))];
}

/** Returns a name as tables show it: for a compiled entry with the first 12 digits of the digest. */
export function displayName(name: string): string {
  const [, digits, engine] = COMPILED.exec(name) ?? [];
  return engine === undefined ? name : `${digits}/${engine}`;
}

/** Like {@link displayName}, but with the first 12 digits of any digest; commands that pull do not take it. */
export function shortName(name: string): string {
  return displayName(name).replace(AT_DIGEST, "$1");
}
