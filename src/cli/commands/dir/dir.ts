import { join } from "node:path";
import { LarderError } from "../../../base/errors.ts";
import { obstacleTo } from "../../../base/files/system_error.ts";
import {
  configRoot,
  dataRoot,
  hostPlatform,
  REGISTRY_FOLDER,
  type ResolvedDir,
} from "../../../store/platform_dirs.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";

export interface DirOptions {
  readonly config?: boolean;
  readonly data?: boolean;
  readonly format: Format;
}

/** `larder dir`: prints the folder to stdout, and the rule that decided it to stderr; as JSON both to stdout. */
export function dir(context: Context, options: DirOptions): void {
  if (options.config && options.data) {
    throw new LarderError("LDR_USAGE", "--config and --data cannot be combined", {
      hint: "larder dir prints one folder: leave one of them out",
    });
  }
  const { path, rule } = folderOf(context, options);
  if (options.format === "json") {
    writeJson({ path, rule });
    return;
  }
  writeOut(`${path}\n`);
  context.info(`decided by ${rule}`);
  const obstacle = obstacleTo(path);
  if (obstacle !== undefined) context.warn(obstacle);
}

function folderOf(context: Context, { config, data }: DirOptions): ResolvedDir {
  if (config) return configRoot(hostPlatform);
  if (data) return dataRoot(hostPlatform);
  const { path, rule } = context.cache;
  return { path: join(path, REGISTRY_FOLDER), rule };
}
