import { LarderError, messageOf } from "../../base/errors.ts";
import { diskError } from "../../base/files/system_error.ts";
import { unverified } from "./index_errors.ts";

type OpenPgp = typeof import("openpgp");
type Keys = Awaited<ReturnType<OpenPgp["readKeys"]>>;

/** One signature and the outcome of its check. */
type Checked = Awaited<ReturnType<OpenPgp["verify"]>>["signatures"][number];

/** A file that was signed. */
export interface Signed {
  /** Names it in messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The detached signature, armored or binary; undefined if the file is signed in clear text. */
  readonly signature?: Uint8Array | undefined;
}

/** The keys that a user trusts, and the check of a signature by one of them. */
export class Keyring {
  readonly #openpgp: OpenPgp;
  readonly #keys: Keys;
  readonly #path: string;

  private constructor(openpgp: OpenPgp, keys: Keys, path: string) {
    this.#openpgp = openpgp;
    this.#keys = keys;
    this.#path = path;
  }

  /** Reads a file of public keys, armored or binary. @throws LarderError LDR_CONFIG, LDR_DISK* */
  static async open(path: string): Promise<Keyring> {
    const bytes = readKeyring(path);
    // Takes 100 ms to load, so only for a user with a keyring.
    const openpgp = await import("openpgp");
    const text = new TextDecoder().decode(bytes);
    const blocks = text.match(ARMORED_KEYS);
    try {
      const keys = blocks
        ? (await Promise.all(blocks.map((armoredKeys) => openpgp.readKeys({ armoredKeys })))).flat()
        : await openpgp.readKeys({ binaryKeys: bytes });
      return new Keyring(openpgp, keys, path);
    } catch (error) {
      throw unusable(path, "it has no OpenPGP keys", error);
    }
  }

  /**
   * Checks that a file is signed by a key of the keyring, and returns the text that is signed. All else in a file that
   * is signed in clear text is not part of it.
   *
   * A signature counts only if its key is neither expired nor revoked now, and its digest neither MD5 nor SHA1.
   *
   * @param now milliseconds since the epoch
   * @throws LarderError LDR_UNVERIFIED
   */
  async verify({ name, bytes, signature }: Signed, now: number): Promise<string> {
    const isSigned = signature || new TextDecoder().decode(bytes).includes(SIGNATURE);
    if (!isSigned) throw unverified(name, "it is not signed", HINT);
    const date = new Date(now);
    let checked: { readonly text: string; readonly signatures: readonly Checked[] };
    try {
      checked = signature
        ? await this.#checkDetached(bytes, signature, date)
        : await this.#checkInline(bytes, date);
    } catch (error) {
      throw unverified(name, `its signature cannot be read: ${messageOf(error)}`, HINT, error);
    }
    await this.#requireOne(checked.signatures, name, date);
    return checked.text;
  }

  async #checkInline(bytes: Uint8Array, date: Date) {
    const cleartextMessage = new TextDecoder().decode(bytes);
    const message = await this.#openpgp.readCleartextMessage({ cleartextMessage });
    const options = { message, verificationKeys: this.#keys, date };
    return {
      text: message.getText(),
      signatures: (await this.#openpgp.verify(options)).signatures,
    };
  }

  async #checkDetached(bytes: Uint8Array, detached: Uint8Array, date: Date) {
    const message = await this.#openpgp.createMessage({ binary: bytes });
    const signature = await this.#readSignature(detached);
    const options = { message, signature, verificationKeys: this.#keys, date };
    const { signatures } = await this.#openpgp.verify({ ...options, format: "binary" });
    return { text: new TextDecoder().decode(bytes), signatures };
  }

  async #readSignature(bytes: Uint8Array) {
    const text = new TextDecoder().decode(bytes);
    return text.includes(SIGNATURE)
      ? await this.#openpgp.readSignature({ armoredSignature: text })
      : await this.#openpgp.readSignature({ binarySignature: bytes });
  }

  /** Requires one good signature, as apt does: an archive signs with its old and its new key while it changes them. */
  async #requireOne(results: readonly Checked[], name: string, date: Date) {
    // A rejection that is not awaited, because another signature is good, would end the process.
    for (const each of results) each.verified.catch(() => {});
    const reasons: string[] = [];
    let cause: unknown;
    for (const { keyID, verified } of results) {
      const id = keyID.toHex().toUpperCase();
      const key = this.#keys.find((each) => each.getKeys(keyID).length > 0);
      if (!key) {
        reasons.push(`the key ${id} is not in ${this.#path}`);
        continue;
      }
      try {
        await verified;
        // A signature from before its key expired or was revoked passes otherwise.
        await key.verifyPrimaryKey(date);
        await key.getSigningKey(keyID, date);
        return;
      } catch (error) {
        reasons.push(reasonOf(messageOf(error), id));
        cause = error;
      }
    }
    const reason = reasons.length > 0 ? reasons.join("; ") : "it has no signature";
    throw unverified(name, reason, HINT, cause);
  }
}

/** Returns why a signature does not count, where the library names only the check that failed. */
function reasonOf(message: string, id: string): string {
  return /digest did not match|verification failed/i.test(message)
    ? `it was changed after the key ${id} had signed it, or the signature is of another file`
    : `its signature by the key ${id} does not count: ${message}`;
}

const SIGNATURE = "-----BEGIN PGP SIGNATURE-----";

const ARMORED_KEYS = /-----BEGIN PGP PUBLIC KEY BLOCK-----[^]*?-----END PGP PUBLIC KEY BLOCK-----/g;

const HINT = "use the keyring that the operator of the repository publishes, or another mirror";

function readKeyring(path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw diskError(error, "read", path);
    throw unusable(path, "there is no such file", error);
  }
  // GnuPG's own format begins with a header of 32 bytes.
  if (new TextDecoder().decode(bytes.subarray(8, 12)) === "KBXf") {
    throw unusable(path, "it is in GnuPG's own format: write it with gpg --export > FILE");
  }
  return bytes;
}

function unusable(path: string, reason: string, cause?: unknown): LarderError {
  return new LarderError("LDR_CONFIG", `cannot use the keyring ${path}: ${reason}`, {
    hint: "name a file of public keys, such as /usr/share/keyrings/debian-archive-keyring.gpg",
    cause,
  });
}
