import { configRoot, hostPlatform, REGISTRY_FOLDER } from "../../../store/platform_dirs.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import { join } from "node:path";

/** `larder dir`: the folder on stdout, the rule that decided it on stderr; `--json` has all of it. */
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
