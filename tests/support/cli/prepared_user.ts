import { cpSync } from "node:fs";
import { TestUser } from "./test_user.ts";

/**
 * Prepares a user once for all tests of a file, such as by compiling a component, which takes seconds.
 * @returns a function that makes a user whose home is a copy of the prepared one's
 */
export function preparedUser(prepare: (user: TestUser) => Promise<void>): () => Promise<TestUser> {
  let prepared: Promise<TestUser> | undefined;
  const makePrepared = async () => {
    const user = new TestUser();
    addEventListener("unload", () => user[Symbol.dispose]());
    await prepare(user);
    return user;
  };
  return async () => {
    const { home } = await (prepared ??= makePrepared());
    const user = new TestUser();
    cpSync(home, user.home, { recursive: true, preserveTimestamps: true });
    return user;
  };
}
