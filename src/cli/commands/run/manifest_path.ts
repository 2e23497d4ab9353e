import { join } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { statIfAny } from "../../../base/files/files.ts";
import { isPath } from "./options.ts";

/**
 * Returns the path of the manifest if the subject is a `spin.toml` or a folder that has one.
 * @throws LarderError LDR_NOT_FOUND for a path of a folder without a manifest
 */
export function manifestOf(subject: string): string | undefined {
  if (subject.endsWith(".toml")) return subject;
  const path = join(subject, "spin.toml");
  if (statIfAny(path)) return path;
  if (!isPath(subject) && subject !== "." && subject !== "..") return undefined;
  if (!statIfAny(subject)?.isDirectory) return undefined;
  throw new LarderError("LDR_NOT_FOUND", `no spin.toml in the folder ${subject}`, {
    hint: "name a folder with a spin.toml, or a .wasm file",
  });
}
