import { LarderError, messageOf } from "../../base/errors.ts";
import {
  mergeRegistriesConfs,
  readRegistriesConf,
  type RegistriesConf,
} from "../../registry/mirrors/registries_conf.ts";
import { home, type HostPlatform, hostPlatform } from "../../store/platform_dirs.ts";
import type { Context } from "../context.ts";
import { inHome, join } from "./credential_paths.ts";

const known = new WeakMap<Context, Promise<RegistriesConf>>();

/** Returns the settings of the files, which a command reads once. */
export function registriesConfOf(context: Context): Promise<RegistriesConf> {
  let conf = known.get(context);
  if (!conf) {
    conf = readRegistriesConfs(hostPlatform, (message) => context.warn(message));
    known.set(context, conf);
  }
  return conf;
}

const FILE = "registries.conf";
const SYSTEM = "/etc/containers";

/**
 * Reads the settings that Podman, Buildah and Skopeo have for registries. A file that cannot be read or understood is
 * left out with a warning, because it is not larder's.
 *
 * @param folder the folder of the system's files; tests inject another
 */
export async function readRegistriesConfs(
  platform: HostPlatform,
  warn: (message: string) => void,
  folder: string = SYSTEM,
): Promise<RegistriesConf> {
  const confs: RegistriesConf[] = [];
  for (const path of registriesConfPaths(platform, folder)) {
    try {
      const text = Deno.readTextFileSync(path);
      // The TOML parser is loaded only if there is something to read.
      if (!/^\s*[^\s#]/m.test(text)) continue;
      const { parseToml } = await import("../../base/documents/toml_document.ts");
      const badToml = (location: string, reason: string) =>
        new LarderError("LDR_CONFIG", `${reason} at ${location}`, { hint: "correct the file" });
      confs.push(readRegistriesConf(parseToml(text, path, badToml), path));
    } catch (error) {
      warn(`ignoring ${path}: ${messageOf(error)}`);
    }
  }
  return mergeRegistriesConfs(confs);
}

/**
 * Returns the files that can have settings, in the order in which they apply: the user's or else the system's, then the
 * system's drop-in files and those of the user; or the file that `CONTAINERS_REGISTRIES_CONF` names alone.
 *
 * Source: containers-registries.conf(5), containers-registries.conf.d(5).
 */
export function registriesConfPaths(platform: HostPlatform, folder: string = SYSTEM): string[] {
  const named = platform.env("CONTAINERS_REGISTRIES_CONF");
  if (named) return [named];
  const user = inHome(() => join(platform, home(platform), ".config", "containers"));
  const folders = [platform.os === "windows" ? undefined : folder, user]
    .filter((each) => each !== undefined);
  const main = folders.map((each) => join(platform, each, FILE)).findLast(exists);
  const dropIns = folders.flatMap((each) => dropInsOf(platform, join(platform, each, `${FILE}.d`)));
  return [...main ? [main] : [], ...dropIns];
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound); // Reading it then says why it cannot be read.
  }
}

function dropInsOf(platform: HostPlatform, folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) => name.endsWith(".conf"))
      .toSorted()
      .map((name) => join(platform, folder, name));
  } catch {
    return [];
  }
}
