import type { Digest } from "../../../oci/digest.ts";

/** Returns the line on stdout for an entry: `name:tag@digest`, or the name of a package or build. */
export function entryLine(
  { type, name, digest }: {
    readonly type: string;
    readonly name: string;
    readonly digest: Digest | undefined;
  },
): string {
  return type === "package" || type === "build" || digest === undefined
    ? name
    : `${name.replace(/@.*$/, "")}@${digest}`;
}
