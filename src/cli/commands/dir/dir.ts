import { join } from "node:path";
import { configRoot, hostPlatform, REGISTRY_FOLDER } from "../../../store/platform_dirs.ts";
import type { Context } from "../../context.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";

/** `larder dir`: prints the folder to stdout, and the rule that decided it to stderr; `--json` prints both. */
export function dir(context: Context, options: { config?: boolean; json?: boolean }): void {
  const root = options.config ? configRoot(hostPlatform) : context.cache;
  const path = options.config ? root.path : join(root.path, REGISTRY_FOLDER);
  if (options.json) {
    writeJson({ path, rule: root.rule });
    return;
  }
  writeOut(`${path}\n`);
  context.info(`decided by ${root.rule}`);
}
