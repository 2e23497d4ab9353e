import { createHmac, randomBytes } from "node:crypto";
import type { Clock } from "../../base/concurrency.ts";

/** Compares a password with a bcrypt hash. */
export type Compare = (password: string, hash: string) => Promise<boolean>;

/** Results that are remembered; each is of a password that some client has sent. */
const MAX_RESULTS = 1000;

/** Checks that may wait for the one that runs; more are refused. */
const MAX_WAITING = 32;

/** How many times as long as a failed check took the next one waits: guesses take at most a fifth of a core. */
const PAUSE = 4;

/**
 * Checks passwords against bcrypt hashes, which costs 6 to 300 ms of the server's only thread each time: one at a time,
 * after a pause if the last one failed, and once for each user and password.
 */
export class PasswordChecks {
  readonly #clock: Clock;
  readonly #compare: Compare;
  /** The keys of {@link #results} do not reveal passwords in a dump of the memory. */
  readonly #secret = randomBytes(32);
  readonly #results = new Map<string, boolean>();
  readonly #running = new Map<string, Promise<boolean>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock, compare: Compare) {
    this.#clock = clock;
    this.#compare = compare;
  }

  /**
   * True if the password is the user's. For a user that does not exist, `hash` is that of another one: the answer is no
   * after the same time.
   *
   * @returns undefined if too many checks are waiting
   */
  async matches(
    user: string,
    password: string,
    hash: string,
    exists: boolean,
  ): Promise<boolean | undefined> {
    const key = createHmac("sha256", this.#secret)
      .update(JSON.stringify([user, password, hash, exists])).digest("base64");
    const known = this.#results.get(key);
    if (known !== undefined) return known;
    const running = this.#running.get(key);
    if (running) return await running;
    if (this.#running.size > MAX_WAITING) return undefined;
    const check = this.#enqueue(async () => await this.#compare(password, hash) && exists);
    this.#running.set(key, check);
    try {
      const result = await check;
      this.#remember(key, result);
      return result;
    } finally {
      this.#running.delete(key);
    }
  }

  /** Runs a check after those that wait. The next one waits for the pause too, the caller does not. */
  #enqueue(check: () => Promise<boolean>): Promise<boolean> {
    let took = 0;
    const result = this.#last.then(async () => {
      const start = this.#clock.elapsed();
      const isRight = await check();
      took = isRight ? 0 : this.#clock.elapsed() - start;
      return isRight;
    });
    this.#last = result.then(
      () => took > 0 ? this.#clock.sleep(PAUSE * took) : undefined,
      () => {},
    );
    return result;
  }

  #remember(key: string, result: boolean): void {
    const [oldest] = this.#results.keys();
    if (oldest !== undefined && this.#results.size >= MAX_RESULTS) this.#results.delete(oldest);
    this.#results.set(key, result);
  }
}
