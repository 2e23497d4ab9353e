import { systemClock } from "../../base/concurrency.ts";
import { LazyAuthorizer } from "../../registry/auth/lazy_authorizer.ts";
import type { CredentialSource } from "../../registry/credentials/credential.ts";
import type { Trust } from "../../registry/http/tls/trust.ts";
import type { Transport } from "../../registry/http/transport.ts";
import { hostPlatform } from "../../store/platform_dirs.ts";
import { credentialPaths } from "./credential_paths.ts";

/** Returns what authorizes requests. @param credentials by default those in the user's files */
export function authorizerOf(
  trust: Trust,
  transport: Transport,
  credentials?: CredentialSource,
): LazyAuthorizer {
  return new LazyAuthorizer(async () => {
    const [{ Authenticator }, source] = await Promise.all([
      import("../../registry/auth/authenticator.ts"),
      credentials ?? userCredentials(),
    ]);
    return new Authenticator({ ...trust, transport, credentials: source, clock: systemClock });
  });
}

async function userCredentials(): Promise<CredentialSource> {
  const { FileCredentials } = await import("../../registry/credentials/file_credentials.ts");
  return new FileCredentials(credentialPaths(hostPlatform), systemClock);
}
