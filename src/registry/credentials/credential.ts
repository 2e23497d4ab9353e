/** A user name and a password, or an access token used as one. */
export interface PasswordCredential {
  readonly username: string;
  readonly password: string;
  /** The file or helper program that it is from, for messages. */
  readonly source: string;
}

/** A refresh token, which only obtains Bearer tokens (Docker calls it an identity token). */
export interface IdentityCredential {
  readonly identityToken: string;
  readonly username?: string | undefined;
  readonly source: string;
}

/** A Bearer token that is sent to the registry as it is. */
export interface RegistryTokenCredential {
  readonly registryToken: string;
  readonly source: string;
}

export type Credential = PasswordCredential | IdentityCredential | RegistryTokenCredential;

/** Finds the credentials for registries. Reads no file and runs no program before the first lookup. */
export interface CredentialSource {
  /**
   * Returns the credentials for a repository, or those for its registry.
   * @returns undefined if there are none
   * @throws LarderError LDR_CONFIG for an invalid file, LDR_CREDENTIAL_HELPER
   */
  find(
    registry: string,
    repository?: string,
    signal?: AbortSignal,
  ): Promise<Credential | undefined>;
}

/** Returns the user name of a credential, if it has one. */
export function usernameOf(credential: Credential): string | undefined {
  return "username" in credential ? credential.username : undefined;
}
