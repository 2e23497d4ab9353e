import { LarderError } from "../../../base/errors.ts";
import { parseRegistry } from "../../../oci/reference.ts";
import { removeCredential } from "../../../registry/credentials/auth_file.ts";
import { hostPlatform } from "../../../store/platform_dirs.ts";
import type { Context } from "../../context.ts";
import { authFile } from "../../registry/credential_paths.ts";

/** `larder logout`: removes a credential that `larder login` stored; those of other programs stay. */
export function logout(context: Context, name: string): void {
  const registry = parseRegistry(name);
  const file = authFile(hostPlatform);
  if (!removeCredential(file, registry)) {
    throw new LarderError(
      "LDR_NOT_FOUND",
      `not logged in to ${registry}: ${file} has no credential for it`,
      {
        hint:
          "larder removes only what larder login stored; for others use docker logout or podman logout",
      },
    );
  }
  context.info(`logged out of ${registry}; removed its credential from ${file}`);
}
