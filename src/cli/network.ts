import { systemClock } from "../base/concurrency.ts";
import { readCertificates } from "../registry/ca.ts";
import { RegistryClient } from "../registry/client.ts";
import type { CredentialSource } from "../registry/credential.ts";
import { httpTransport } from "../registry/http.ts";
import { LazyAuthorizer } from "../registry/lazy_authorizer.ts";
import type { Transport } from "../registry/transport.ts";
import { thisMachine } from "../store/roots.ts";
import type { Context } from "./context.ts";
import { credentialPaths } from "./credential_paths.ts";

/**
 * The way to registries that the options and the environment describe.
 * @param credentials what to show them; by default what the user's files have
 */
export function openRegistry(
  context: Context,
  credentials?: CredentialSource,
): { client: RegistryClient; transport: Transport } {
  const { insecure } = context.options;
  const transport = httpTransport({
    clock: systemClock,
    caCerts: trustedBy(context),
    insecure,
    onRetry: (message) => context.info(message),
  });
  const authorizer = new LazyAuthorizer(async () => {
    const [{ Authenticator }, source] = await Promise.all([
      import("../registry/auth.ts"),
      credentials ?? userCredentials(),
    ]);
    return new Authenticator({ transport, credentials: source, clock: systemClock, insecure });
  });
  return { client: new RegistryClient({ transport, authorizer, clock: systemClock }), transport };
}

async function userCredentials(): Promise<CredentialSource> {
  const { FileCredentials } = await import("../registry/credentials.ts");
  return new FileCredentials(credentialPaths(thisMachine), systemClock);
}

/** The certificates of `--ca-file`, checked at once, and of `SSL_CERT_FILE`, which other tools honour too. */
function trustedBy({ options }: Context): () => string[] {
  const named = options.caFile ? readCertificates(options.caFile, "--ca-file") : [];
  const variable = Deno.env.get("SSL_CERT_FILE");
  return () => [...named, ...variable ? readCertificates(variable, "SSL_CERT_FILE") : []];
}
