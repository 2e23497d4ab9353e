import type { Clock } from "../../base/concurrency.ts";
import { fromBase64 } from "../../base/base64.ts";
import { type Htpasswd, parseHtpasswd } from "./htpasswd.ts";
import { PasswordChecks } from "./password_checks.ts";
import { ApiError } from "../errors.ts";
import { parseTokens, type Tokens } from "./token_file.ts";
import { WatchedFile } from "./watched_file.ts";

/** Characters of the longest `Authorization` value that is looked at. */
const MAX_LENGTH = 4096;

export interface CredentialFiles {
  readonly tokenFile?: string | undefined;
  readonly htpasswdFile?: string | undefined;
}

/**
 * The credentials of the server's clients: tokens, and users with passwords. A token is accepted as a Bearer token and
 * as the password of any user, because `docker login` and its kin send nothing but Basic.
 */
export class Credentials {
  readonly #tokens: WatchedFile<Tokens> | undefined;
  readonly #users: WatchedFile<Htpasswd> | undefined;
  readonly #checks: PasswordChecks;

  /** @throws LarderError LDR_CONFIG, LDR_DISK* for a file that cannot be used */
  constructor(files: CredentialFiles, clock: Clock, warn: (message: string) => void) {
    const { tokenFile: tokens, htpasswdFile: users } = files;
    const options = { now: () => clock.elapsed(), warn };
    if (tokens !== undefined) {
      this.#tokens = new WatchedFile(
        tokens,
        "--token",
        (text) => parseTokens(text, tokens),
        options,
      );
    }
    if (users !== undefined) {
      const parse = (text: string) => parseHtpasswd(text, users);
      this.#users = new WatchedFile(users, "--htpasswd or serve.htpasswd_file", parse, options);
    }
    this.#checks = new PasswordChecks(clock, async (password, hash) => {
      const { compare } = await import("bcryptjs");
      return await compare(password, hash);
    });
  }

  /** Returns the refusal of a request without accepted credentials. @param header the `Authorization` value */
  async refuse(header: string | null): Promise<ApiError | undefined> {
    if (header === null) return unauthorized("authentication required");
    const isAccepted = header.length <= MAX_LENGTH && await this.#accepts(header);
    if (isAccepted === undefined) {
      const message = "too many passwords are being checked";
      return new ApiError(429, "TOOMANYREQUESTS", message, { "retry-after": "1" });
    }
    return isAccepted ? undefined : unauthorized("the credentials are wrong");
  }

  async #accepts(header: string): Promise<boolean | undefined> {
    const [, scheme, value] = /^([A-Za-z]+) +(\S+)$/.exec(header.trim()) ?? [];
    if (value === undefined) return false;
    if (scheme!.toLowerCase() === "bearer") return this.#tokens?.value.has(value) ?? false;
    if (scheme!.toLowerCase() !== "basic") return false;
    const pair = fromBase64(value);
    const colon = pair?.indexOf(":") ?? -1;
    if (pair === undefined || colon < 0) return false;
    const [user, password] = [pair.slice(0, colon), pair.slice(colon + 1)];
    if (this.#tokens?.value.has(password)) return true;
    const users = this.#users?.value;
    if (!users) return false;
    const [other = ""] = users.values();
    return await this.#checks.matches(user, password, users.get(user) ?? other, users.has(user));
  }
}

/** The challenge is Basic alone: one for Bearer would send clients to a token server (distribution, "Token Authentication"). */
function unauthorized(message: string): ApiError {
  const challenge = 'Basic realm="larder", charset="UTF-8"';
  return new ApiError(401, "UNAUTHORIZED", message, { "www-authenticate": challenge });
}
