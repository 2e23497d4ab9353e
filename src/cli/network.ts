import { systemClock } from "../base/concurrency.ts";
import { RegistryClient } from "../registry/client.ts";
import type { CredentialSource } from "../registry/credential.ts";
import { httpTransport } from "../registry/http.ts";
import { LazyAuthorizer } from "../registry/lazy_authorizer.ts";
import type { Transport } from "../registry/transport.ts";
import { thisMachine } from "../store/roots.ts";
import type { Context } from "./context.ts";
import { credentialPaths } from "./credential_paths.ts";
import { trustOf } from "./trust.ts";

/**
 * The way to registries that the options, the environment and the config describe.
 * @param credentials what to show them; by default what the user's files have
 */
export function openRegistry(
  context: Context,
  credentials?: CredentialSource,
): { client: RegistryClient; transport: Transport } {
  const trust = trustOf(context);
  const transport = httpTransport({
    ...trust,
    clock: systemClock,
    onRetry: (message) => context.info(message),
  });
  const authorizer = new LazyAuthorizer(async () => {
    const [{ Authenticator }, source] = await Promise.all([
      import("../registry/auth.ts"),
      credentials ?? userCredentials(),
    ]);
    return new Authenticator({ ...trust, transport, credentials: source, clock: systemClock });
  });
  return { client: new RegistryClient({ transport, authorizer, clock: systemClock }), transport };
}

async function userCredentials(): Promise<CredentialSource> {
  const { FileCredentials } = await import("../registry/credentials.ts");
  return new FileCredentials(credentialPaths(thisMachine), systemClock);
}
