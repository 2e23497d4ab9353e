/**
 * Tests that a compiled binary cannot pass if its runtime base is an older Deno than larder targets, by the
 * version of that Deno. Each has the test's name, followed by ` > step` to except a single step, and the reason.
 *
 * They run against the sources all the same. A run against such a binary lists them at its end.
 */
export const BINARY_EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "2.4.2": {
    "pull prints that it waits for another process":
      "Deno 2.4 can only wait for a lock, not try it",
    "pull downloads each blob once in two concurrent processes":
      "Deno 2.4 can only wait for a lock, and some of these waits never end",
    "pull succeeds in many concurrent processes on artifacts that share blobs":
      "Deno 2.4 can only wait for a lock, and some of these waits never end",
    "pull rejects a response that is gzipped without being requested so":
      "Deno 2.4 decodes gzip even if it has not requested it",
    "pull does not decompress a gzipped layer with Content-Encoding: gzip":
      "Deno 2.4 decodes gzip even if it has not requested it",
    "pull -k accepts an untrusted certificate":
      "node:https of Deno 2.4 drops connections whose certificate it need not verify",
    "pull accepts an untrusted certificate if the config says so":
      "node:https of Deno 2.4 drops connections whose certificate it need not verify",
    "pull uses the certificates of Podman's and Docker's folders for their host > a client certificate with --insecure":
      "node:https of Deno 2.4 drops connections whose certificate it need not verify",
    "pull reaches a registry at a port that browsers block > --insecure":
      "node:https of Deno 2.4 drops connections whose certificate it need not verify",
    "login asks for name and password on a terminal and does not show the password":
      "node:readline of Deno 2.4 receives no keys for a second question",
    'clean asks on a terminal and removes nothing unless the answer is yes > "y\\r"':
      "Deno 2.4 cannot try a lock, so larder keeps everything used within the last hour",
    "clean and pull succeed after a sweep of an index was killed at any deletion":
      "Deno 2.4 cannot try a lock, so larder keeps everything used within the last hour",
    "clean and pull succeed after a sweep of a Spin app was killed at any deletion":
      "Deno 2.4 cannot try a lock, so larder keeps everything used within the last hour",
    "pull on a disk full of young entries says that clean frees enough":
      "Deno 2.4 cannot try a lock, so larder keeps everything used within the last hour",
    "gc and clean remove the content of an app that has ended > clean":
      "Deno 2.4 cannot try a lock, so larder keeps everything used within the last hour",
  },
};

/** Name of the variable that passes the exceptions, as JSON, to `tests/support/cli/skip_exceptions.ts`. */
export const EXCEPTIONS_VARIABLE = "LARDER_TEST_EXCEPTIONS";
