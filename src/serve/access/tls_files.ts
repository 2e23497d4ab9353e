import { X509Certificate } from "node:crypto";
import { LarderError, messageOf } from "../../base/errors.ts";
import { checkPair, type KeyPair, readPem } from "../../registry/http/tls/key_pair.ts";

/** Milliseconds between two looks at the files. */
const INTERVAL = 1000;

export interface TlsOptions {
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

/** The certificate of the server, with its chain, and its key, read again when the files change. */
export class TlsFiles {
  /** The pair at the start. */
  readonly pair: KeyPair;
  readonly #paths: readonly [cert: string, key: string];
  readonly #options: TlsOptions;
  /** The state of the files whose content is in force or was refused. */
  #read: string;
  /** Their state at the last look. */
  #seen: string;

  /** @throws LarderError LDR_CONFIG, LDR_DISK* */
  constructor(cert: string, key: string, options: TlsOptions) {
    this.#paths = [cert, key];
    this.#options = options;
    this.#read = this.#seen = this.#look();
    this.pair = readPair(cert, key, options.now());
  }

  /** Calls `onRenewed` with each new pair. */
  watch(onRenewed: (pair: KeyPair) => void): Disposable {
    const timer = setInterval(() => {
      const pair = this.renewed();
      if (pair) onRenewed(pair);
    }, INTERVAL);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  /**
   * Returns a new pair. Files that have changed since the last look are left until the next: programs that renew
   * certificates replace them one after the other.
   *
   * @returns undefined if there is none, with a warning if it cannot be used
   */
  renewed(): KeyPair | undefined {
    const state = this.#look();
    const isStill = state === this.#seen;
    this.#seen = state;
    if (!isStill || state === this.#read) return undefined;
    this.#read = state;
    try {
      return readPair(...this.#paths, this.#options.now());
    } catch (error) {
      this.#options.warn(`keeping the previous certificate: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** Returns what differs if a file has changed. Links are followed, which those of certbot are. */
  #look(): string {
    return this.#paths.map((path) => {
      try {
        const { ino, mtime, size } = Deno.statSync(path);
        return `${ino} ${mtime?.getTime()} ${size}`;
      } catch {
        return "";
      }
    }).join("\n");
  }
}

/**
 * Opens the files that options name.
 *
 * @returns undefined if neither is named
 * @throws LarderError LDR_USAGE if only one is named; LDR_CONFIG, LDR_DISK* for a file that cannot be used
 */
export function openTlsFiles(
  cert: string | undefined,
  key: string | undefined,
  options: TlsOptions,
): TlsFiles | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    const [given, missing] = cert === undefined
      ? ["--tls-key", "--tls-cert"]
      : ["--tls-cert", "--tls-key"];
    throw new LarderError("LDR_USAGE", `${given} needs ${missing}`, {
      hint: `add ${missing} FILE, or leave out ${given}`,
    });
  }
  return new TlsFiles(cert, key, options);
}

/** @throws LarderError LDR_CONFIG, LDR_DISK* */
function readPair(cert: string, key: string, now: number): KeyPair {
  const pair = { cert: readPem(cert), key: readPem(key) };
  checkPair(pair, cert, key, "--tls-cert");
  const { validTo } = new X509Certificate(pair.cert);
  if (Date.parse(validTo) < now) {
    throw new LarderError("LDR_CONFIG", `cannot use ${cert}: it expired on ${validTo}`, {
      hint: "renew the certificate",
    });
  }
  return pair;
}
