/** A name and a password, or an access token that stands for one. */
export interface PasswordCredential {
  readonly username: string;
  readonly password: string;
  /** Where it came from, for messages: a file or a helper program. */
  readonly source: string;
}

/** A refresh token, good for Bearer tokens only (Docker calls it an identity token). */
export interface IdentityCredential {
  readonly identityToken: string;
  readonly username?: string | undefined;
  readonly source: string;
}

/** A Bearer token that goes to the registry as it is. */
export interface RegistryTokenCredential {
  readonly registryToken: string;
  readonly source: string;
}

export type Credential = PasswordCredential | IdentityCredential | RegistryTokenCredential;

/** Knows what to show to a registry. Nothing is read or run before the first question. */
export interface CredentialSource {
  /**
   * The credentials for a registry, or for one repository where it has its own.
   * @returns undefined if there are none
   * @throws LarderError LDR_CONFIG for a file that is broken, LDR_CREDENTIAL_HELPER
   */
  find(
    registry: string,
    repository?: string,
    signal?: AbortSignal,
  ): Promise<Credential | undefined>;
}

/** The user name in a credential, where it has one. */
export function usernameOf(credential: Credential): string | undefined {
  return "username" in credential ? credential.username : undefined;
}
