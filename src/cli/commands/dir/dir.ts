import { join } from "node:path";
import { obstacleTo } from "../../../base/files/system_error.ts";
import { configRoot, hostPlatform, REGISTRY_FOLDER } from "../../../store/platform_dirs.ts";
import type { Context } from "../../context.ts";
import type { Format } from "../../options.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";

/** `larder dir`: prints the folder to stdout, and the rule that decided it to stderr; as JSON both to stdout. */
export function dir(context: Context, options: { config?: boolean; format: Format }): void {
  const root = options.config ? configRoot(hostPlatform) : context.cache;
  const path = options.config ? root.path : join(root.path, REGISTRY_FOLDER);
  if (options.format === "json") {
    writeJson({ path, rule: root.rule });
    return;
  }
  writeOut(`${path}\n`);
  context.info(`decided by ${root.rule}`);
  const obstacle = obstacleTo(path);
  if (obstacle !== undefined) context.warn(obstacle);
}
