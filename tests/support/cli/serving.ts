import { ServingProcess } from "./serving_process.ts";
import type { RunOptions, TestUser } from "./test_user.ts";

/** A `larder run` that serves HTTP. */
export class Serving extends ServingProcess {
  /**
   * Starts it and waits until it serves.
   * @param args arguments after `larder run`
   */
  static async start(
    user: TestUser,
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<Serving> {
    return new Serving(await ServingProcess.spawn(user, ["run", ...args], options));
  }

  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(new URL(path, this.url), { redirect: "manual", ...init });
  }

  /** Returns the status of a response and its body as text. */
  async get(path: string, init?: RequestInit): Promise<[status: number, body: string]> {
    const response = await this.fetch(path, init);
    return [response.status, await response.text()];
  }
}
