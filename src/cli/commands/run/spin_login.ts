import { join } from "node:path";
import { systemClock } from "../../../base/concurrency.ts";
import { toBase64 } from "../../../base/base64.ts";
import { LarderError } from "../../../base/errors.ts";
import { diskError } from "../../../base/files/system_error.ts";
import type { Reference } from "../../../oci/reference.ts";
import type { PasswordCredential } from "../../../registry/credentials/credential.ts";
import { serverKey } from "../../../registry/credentials/docker_config.ts";
import { FileCredentials } from "../../../registry/credentials/file_credentials.ts";
import { hostPlatform } from "../../../store/platform_dirs.ts";
import { credentialPaths, inHome, spinAuthFile } from "../../registry/credential_paths.ts";
import type { Context } from "../../context.ts";

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
      this.folder = Deno.makeTempDirSync({ prefix: "larder-spin-" });
    } catch (error) {
      throw diskError(error, "create a folder in", Deno.env.get("TMPDIR") ?? "/tmp");
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
    try {
      Deno.removeSync(this.folder, { recursive: true });
    } catch {
      // It is readable only by the user.
    }
  }
}
