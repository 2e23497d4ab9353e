import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBase64 } from "../../../base/base64.ts";
import { systemClock } from "../../../base/concurrency.ts";
import { LarderError } from "../../../base/errors.ts";
import { readFolder, statIfAny } from "../../../base/files/files.ts";
import { diskError } from "../../../base/files/system_error.ts";
import { DAY } from "../../../base/units.ts";
import type { Reference } from "../../../oci/reference.ts";
import type { PasswordCredential } from "../../../registry/credentials/credential.ts";
import { serverKey } from "../../../registry/credentials/docker_config.ts";
import { FileCredentials } from "../../../registry/credentials/file_credentials.ts";
import { isAlive } from "../../../store/locks/leases.ts";
import { hostPlatform } from "../../../store/platform_dirs.ts";
import type { Context } from "../../context.ts";
import { credentialPaths, inHome, spinAuthFile } from "../../registry/credential_paths.ts";

/** The folders of all processes in the folder for temporary files. */
const FOLDER = /^larder-spin-(\d+)-/;

/** 24 hours after which a folder is left over even if a process has its number: Spin reads it when it starts. */
const MAX_AGE = DAY;

/**
 * A folder with a `config.json` for Spin, which has one user name and password, until it is disposed of.
 *
 * Spin takes credentials from its own file, then from the `config.json` in the folder that `DOCKER_CONFIG` names; it
 * knows neither larder's file nor Podman's. Source: spin-oci's client.rs, docker_credential's lib.rs.
 */
export class SpinLogin implements Disposable {
  readonly folder: string;

  /** @throws LarderError LDR_DISK* */
  constructor(registry: string, { username, password }: PasswordCredential) {
    const auth = toBase64(`${username}:${password}`);
    const config = JSON.stringify({ auths: { [serverKey(registry)]: { auth } } });
    try {
      this.folder = Deno.makeTempDirSync({ prefix: `larder-spin-${Deno.pid}-` });
    } catch (error) {
      throw diskError(error, "create a folder in", tmpdir());
    }
    try {
      Deno.writeTextFileSync(join(this.folder, "config.json"), config, { mode: 0o600 });
    } catch (error) {
      this[Symbol.dispose]();
      throw diskError(error, "write", this.folder);
    }
  }

  /**
   * Returns the login that larder has for the registry of a reference; undefined if there is none, or Spin finds it by
   * itself. Warns if Spin cannot use it.
   */
  static async of(
    context: Context,
    { registry, repository }: Reference,
  ): Promise<SpinLogin | undefined> {
    removeLeftOvers();
    try {
      const find = (paths: string[]) =>
        new FileCredentials(paths, systemClock).find(registry, repository);
      const credential = await find(credentialPaths(hostPlatform));
      const spinFile = inHome(() => spinAuthFile(hostPlatform));
      if (!credential || credential.source === spinFile) return undefined;
      const retry = `spin registry login ${registry} changes Spin's`;
      if (!("password" in credential)) {
        context.warn(`Spin cannot use the token in ${credential.source}: ${retry}`);
        return undefined;
      }
      const own = spinFile && await find([spinFile]);
      if (own) {
        context.warn(`Spin uses its own login, not that in ${credential.source}: ${retry}`);
        return undefined;
      }
      return new SpinLogin(registry, credential);
    } catch (error) {
      // A public artifact needs none.
      if (!(error instanceof LarderError)) throw error;
      context.warn(`Spin gets no login: ${error.message}`);
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    remove(this.folder);
  }
}

/** Removes the folders that killed processes have left. */
function removeLeftOvers(): void {
  try {
    const parent = tmpdir();
    for (const { name } of readFolder(parent)) {
      const pid = FOLDER.exec(name)?.[1];
      if (pid !== undefined && isLeftOver(join(parent, name), Number(pid))) {
        remove(join(parent, name));
      }
    }
  } catch (error) {
    if (!(error instanceof LarderError)) throw error; // Otherwise the folder cannot be listed.
  }
}

function isLeftOver(folder: string, pid: number): boolean {
  const info = statIfAny(folder);
  if (!info?.isDirectory || info.uid !== Deno.uid()) return false;
  return !isAlive(pid) || Date.now() - info.mtime!.getTime() > MAX_AGE;
}

function remove(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch {
    // It is readable only by the user, and the next run tries again.
  }
}
