import type { Sources } from "../../../builds/prepare.ts";
import type { BuildSpec } from "../../../builds/spec.ts";
import { LarderError } from "../../../base/errors.ts";
import type { Platform } from "../../../oci/platform.ts";
import type { Context } from "../../context.ts";
import type { BuildCommandOptions } from "./options.ts";

/** Returns where a build gets packages and references from. */
export function openSources(
  _context: Context,
  spec: BuildSpec,
  _platform: Platform,
  _command: BuildCommandOptions,
): Sources {
  const missing = (what: string) => () => {
    throw new LarderError("LDR_BUILD", `cannot build ${spec.name}: no ${what} yet`, { hint: "" });
  };
  return {
    packages: { resolve: missing("packages"), fetch: missing("packages") },
    refs: { resolve: missing("references"), layOut: missing("references") },
  };
}
