import * as openpgp from "openpgp";

/** How a test signs. */
export interface SigningOptions {
  /** Time of the signature; by default {@link SIGNED_AT}. */
  readonly date?: Date;
}

/** When test keys are made. */
const MADE_AT = new Date(Date.UTC(2025, 0, 1));

/** When test signatures are made: a day before the time of `FakeClock`. */
const SIGNED_AT = new Date(Date.UTC(2026, 0, 30));

/** A key that signs the indexes of a test's repository. */
export class SigningKey {
  readonly #key: openpgp.PrivateKey;
  /** The revoked public key, armored. */
  readonly revoked: string;

  private constructor(key: openpgp.PrivateKey, revoked: string) {
    this.#key = key;
    this.revoked = revoked;
  }

  /** @param expires seconds after its creation at which it expires */
  static async create({ expires = 0 }: { readonly expires?: number } = {}): Promise<SigningKey> {
    const { privateKey, revocationCertificate } = await openpgp.generateKey({
      type: "ecc",
      curve: "ed25519Legacy",
      userIDs: [{ name: "Test archive", email: "archive@example.com" }],
      date: MADE_AT,
      keyExpirationTime: expires,
      format: "object",
    });
    const { publicKey } = await openpgp.revokeKey({
      key: privateKey,
      revocationCertificate,
      date: new Date(Date.UTC(2026, 0, 30, 12)),
      format: "armored",
    });
    return new SigningKey(privateKey, publicKey);
  }

  /** The public key, armored. */
  get armored(): string {
    return this.#key.toPublic().armor();
  }

  /** The public key, binary. */
  get binary(): Uint8Array {
    return this.#key.toPublic().write();
  }

  /** Its ID in capital letters. */
  get id(): string {
    return this.#key.getKeyID().toHex().toUpperCase();
  }

  /** Signs a text in clear text, as `InRelease` is. */
  async signInline(text: string, options: SigningOptions = {}): Promise<string> {
    return await SigningKey.signInlineWith([this], text, options);
  }

  /** Signs a text in clear text with several keys. */
  static async signInlineWith(
    keys: readonly SigningKey[],
    text: string,
    { date = SIGNED_AT }: SigningOptions = {},
  ): Promise<string> {
    const message = await openpgp.createCleartextMessage({ text });
    return await openpgp.sign({ message, signingKeys: keys.map((each) => each.#key), date });
  }

  /** Returns an armored detached signature, as `Release.gpg` is. */
  async signDetached(
    bytes: Uint8Array,
    { date = SIGNED_AT }: SigningOptions = {},
  ): Promise<string> {
    const message = await openpgp.createMessage({ binary: bytes });
    return await openpgp.sign({ message, detached: true, signingKeys: this.#key, date });
  }
}
