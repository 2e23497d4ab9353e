import canonicalize from "canonicalize";
import type { BuildSpec } from "../../builds/spec.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash.ts";

/** Returns the digest of what a spec says, by its RFC 8785 form: its comments and the order of its keys do not count. */
export function digestOfSpec({ folder: _, fault: __, env, ...spec }: BuildSpec): Digest {
  const document = JSON.parse(JSON.stringify({ ...spec, env: Object.fromEntries(env) }));
  return digestOf(new TextEncoder().encode(canonicalize(document)));
}
