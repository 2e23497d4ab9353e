/**
 * Tests that a compiled binary cannot pass if its runtime base is an older Deno than larder targets, by the
 * version of that Deno. Each has the test's name, followed by ` > step` to except a single step, and the reason.
 *
 * They run against the sources all the same. A run against such a binary lists them at its end.
 */
export const BINARY_EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "2.4.2": {
    "pull downloads each blob once in two concurrent processes":
      "Deno 2.4 can only wait for a lock, and some of these waits never end",
    "pull succeeds in many concurrent processes on artifacts that share blobs":
      "Deno 2.4 can only wait for a lock, and some of these waits never end",
    "two processes on one cache fetch a blob once, and both serve it while it arrives":
      "Deno 2.4 can only wait for a lock, and some of these waits never end",
    "serve listens again after it had no file descriptor for a connection":
      "Deno 2.4 keeps descriptors of connections after its listener has failed",
    "pull rejects a response that is gzipped without being requested so":
      "Deno 2.4 decodes gzip even if it has not requested it",
    "pull does not decompress a gzipped layer with Content-Encoding: gzip":
      "Deno 2.4 decodes gzip even if it has not requested it",
    "pull -k accepts an untrusted certificate":
      "node:https of Deno 2.4 drops connections whose certificate it need not verify",
    "run applies --ca-file and -k to the requests of guests > -k":
      "node:https of Deno 2.4 drops connections whose certificate it need not verify",
    "pull accepts an untrusted certificate if the config says so":
      "node:https of Deno 2.4 drops connections whose certificate it need not verify",
    "pull uses the certificates of Podman's and Docker's folders for their host > a client certificate with --insecure":
      "node:https of Deno 2.4 drops connections whose certificate it need not verify",
    "pull reaches a registry at a port that browsers block > --insecure":
      "node:https of Deno 2.4 drops connections whose certificate it need not verify",
    "pull prints for which process it waits, with its command line":
      "Deno 2.4 can only wait for a lock, not try it",
    "fetch waits for another process that fetches the same package":
      "Deno 2.4 can only wait for a lock, not try it",
    "build runs the command once in two concurrent processes":
      "Deno 2.4 can only wait for a lock, not try it, and so cannot say that it waits",
    "build that waits for another one that fails runs the command itself":
      "Deno 2.4 can only wait for a lock, not try it, and so cannot say that it waits",
    "build that was killed leaves nothing that a later build finds, and is repeated":
      "Deno 2.4 cannot try a lock, so larder keeps the folder of a build for a day",
    "gc removes what a killed build left":
      "Deno 2.4 cannot try a lock, so larder keeps the folder of a build for a day",
    "pull succeeds where flock answers error=EINTR:when=1..3":
      "Deno 2.4 can only wait for a lock, not try it again",
    "pull trusts the certificates of the system, if they can be read":
      "Deno 2.4 finds a certificate of the system that it cannot read only when it connects",
    "commands exit with 7 and the reason for a path below /dev, /proc or /sys (needs Linux)":
      "Deno 2.4 looks at such paths, and refuses only to open them",
    "commands name what is not UTF-8 (needs Linux)": "Deno 2.4 panics over such an argument",
    "clean removes nothing if Ctrl-C interrupts its question, and says so":
      "Deno 2.4 cannot try a lock, so larder keeps everything used within the last hour",
    "pull, clean and verify work with a folder of the cache on another file system":
      "Deno 2.4 cannot try a lock, so larder keeps everything used within the last hour",
    "clean asks on a terminal and removes nothing unless the answer is yes":
      "Deno 2.4 cannot try a lock, so larder keeps everything used within the last hour",
    "pull on a disk full of young entries says that clean frees enough":
      "Deno 2.4 cannot try a lock, so larder keeps everything used within the last hour",
    "gc and clean remove the content of an app that has ended > clean":
      "Deno 2.4 cannot try a lock, so larder keeps everything used within the last hour",
  },
};

/** Name of the variable that passes the exceptions, as JSON, to `tests/support/cli/skip_exceptions.ts`. */
export const EXCEPTIONS_VARIABLE = "LARDER_TEST_EXCEPTIONS";
