import { basename, join, resolve } from "node:path";
import { toHex } from "../../../base/bytes.ts";
import { LarderError } from "../../../base/errors.ts";
import { diskError } from "../../../base/files/system_error.ts";
import { type Reference, repositoryName } from "../../../oci/reference.ts";
import type { RuntimeConfig } from "../../../run/spin/runtime_config.ts";
import type { StoreFiles } from "../../../run/spin/stores.ts";
import { IN_MEMORY } from "../../../run/state/locations.ts";
import { dataRoot, hostPlatform } from "../../../store/platform_dirs.ts";

/** The folder in the data folder that has a folder per app. */
const STATE_FOLDER = "state";

const NO_RUNTIME_CONFIG: RuntimeConfig = { keyValue: {}, sqlite: {}, providers: [] };

/** Characters of an app's name in the name of its folder. */
const MAX_NAME = 150;

/**
 * Reads the file of `--runtime-config-file`.
 * @throws LarderError LDR_CONFIG, LDR_NOT_FOUND, LDR_DISK*
 */
export async function readRuntimeConfig(path: string | undefined): Promise<RuntimeConfig> {
  if (path === undefined) return NO_RUNTIME_CONFIG;
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    const isFolder = error instanceof Deno.errors.IsADirectory;
    if (!isFolder && !(error instanceof Deno.errors.NotFound)) throw diskError(error, "read", path);
    const reason = isFolder
      ? `the runtime config ${path} is a folder`
      : `no runtime config ${path}`;
    throw new LarderError("LDR_NOT_FOUND", reason, {
      hint: "name an existing file with --runtime-config-file",
    });
  }
  const { parseRuntimeConfig } = await import("../../../run/spin/runtime_config.ts");
  return parseRuntimeConfig(text, path);
}

/**
 * Returns where the stores of an app are: in the folder of `--state`, in that of the runtime config, or in the app's
 * own below the data folder.
 * @param option value of `--state`
 * @throws LarderError LDR_CONFIG
 */
export async function storeFiles(
  app: Reference | string,
  option: string | undefined,
  { stateDir, keyValue, sqlite }: RuntimeConfig,
): Promise<StoreFiles> {
  const chosen = option === undefined || option === IN_MEMORY ? option : resolve(option);
  return { folder: chosen ?? stateDir ?? await appFolder(app), keyValue, sqlite };
}

/** Returns the folder of a reference, which all its tags share, or of a file, by its path. */
async function appFolder(app: Reference | string): Promise<string> {
  const root = join(dataRoot(hostPlatform).path, STATE_FOLDER);
  if (typeof app !== "string") return join(root, await folderName(repositoryName(app)));
  const path = realPath(app);
  return join(root, `file+${basename(path).slice(0, MAX_NAME)}+${await shortHash(path)}`);
}

/** Returns a name without `/`, which no other repository has: neither `+` nor `_` is possible in those places. */
async function folderName(repository: string): Promise<string> {
  const name = repository.replaceAll("/", "+").replaceAll(":", "_");
  return name.length <= MAX_NAME
    ? name
    : `${name.slice(0, MAX_NAME)}+${await shortHash(repository)}`;
}

async function shortHash(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return toHex(new Uint8Array(hash)).slice(0, 12);
}

function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return resolve(path); // Reading it fails with a better message.
  }
}
