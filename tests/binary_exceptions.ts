/**
 * End-to-end tests that a binary cannot pass when it was compiled with an older base than larder is written
 * for, by the Deno version of that base and the test's name, each with the reason. They run all the same: the
 * test task lists those that fail and says which of them pass by now.
 */
export const BINARY_EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "2.4.2": {},
};
