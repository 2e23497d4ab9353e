import { matchesGlob } from "../base/glob.ts";

const DOCKER_HUB = "docker.io/";
const LIBRARY = "library/";
const LATEST = ":latest";

/** The name of compiled code: the digest of what was compiled, and the engine. */
const COMPILED = /^sha(?:256|512):([0-9a-f]{12})[0-9a-f]*\/(.+)$/;

/**
 * Whether a name or glob, as a user writes it, stands for an entry's name. Beside the full name it may be the short
 * one: `nginx` for `docker.io/library/nginx:latest`.
 */
export function matchesName(pattern: string, name: string): boolean {
  return spellings(name).some((spelling) => matchesGlob(pattern, spelling));
}

/**
 * The ways to write a name: without Docker Hub's registry, without its library, without the tag `latest`; of compiled
 * code with the first twelve digits of the digest.
 */
export function spellings(name: string): string[] {
  const names = [...new Set([name, displayName(name)])];
  if (name.startsWith(DOCKER_HUB)) {
    const short = name.slice(DOCKER_HUB.length);
    names.push(short);
    if (short.startsWith(LIBRARY)) names.push(short.slice(LIBRARY.length));
  }
  if (!name.endsWith(LATEST)) return names;
  return [...names, ...names.map((each) => each.slice(0, -LATEST.length))];
}

/** A name as a table shows it: of compiled code with the first twelve digits of the digest. */
export function displayName(name: string): string {
  const [, digits, engine] = COMPILED.exec(name) ?? [];
  return engine === undefined ? name : `${digits}/${engine}`;
}
