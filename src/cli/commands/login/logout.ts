import { LarderError } from "../../../base/errors.ts";
import { parseRegistry } from "../../../oci/reference.ts";
import { removeCredential } from "../../../registry/credentials/auth_file.ts";
import { hostPlatform } from "../../../store/platform_dirs.ts";
import type { Context } from "../../context.ts";
import { authFile } from "../../credential_paths.ts";

/** `larder logout`: removes what `larder login` stored. Other programs' credentials are left alone. */
export function logout(context: Context, name: string): void {
  const registry = parseRegistry(name);
  const file = authFile(hostPlatform);
  if (!removeCredential(file, registry)) {
    throw new LarderError("LDR_NOT_FOUND", `not logged in to ${registry}: it is not in ${file}`, {
      hint: "credentials that another program stored are removed with that program's own logout",
    });
  }
  context.info(`logged out of ${registry}; removed from ${file}`);
}
