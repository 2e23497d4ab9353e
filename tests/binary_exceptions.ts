/**
 * Tests that a compiled binary cannot pass when its base is an older Deno than larder is written for: by that
 * Deno's version, the test's name (and `> step`, where only a step of it is meant) and the reason.
 *
 * They are run against the sources all the same, and told at the end of every run against such a binary.
 */
export const BINARY_EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "2.4.2": {
    "a process that waits for another says so": "Deno 2.4 cannot try a lock, only wait for it",
    "two processes that pull the same thing download each blob once":
      "Deno 2.4 cannot try a lock, only wait for it, and such waits have been seen never to end",
    "many processes at once, on artifacts that share blobs, all end right":
      "Deno 2.4 cannot try a lock, only wait for it, and such waits have been seen never to end",
    "gzip on the way is refused, since it was not asked for":
      "Deno 2.4 decodes gzip also where it has not asked for it",
    "a gzipped layer that is called gzip-encoded is kept as it is":
      "Deno 2.4 decodes gzip also where it has not asked for it",
    "over TLS that nobody vouches for, with -k":
      "node:https of Deno 2.4 breaks off connections that it need not verify",
    "over TLS that nobody vouches for, where the config accepts that":
      "node:https of Deno 2.4 breaks off connections that it need not verify",
    "on a terminal, name and password are asked for, and the password is not shown":
      "node:readline of Deno 2.4 gets no keys for a second question",
    'on a terminal clean asks, and takes anything but a yes for a no > "y\\r"':
      "Deno 2.4 cannot try a lock; larder then cleans away nothing that was used within the hour",
    "a sweep of an index that is killed at any deletion hinders nothing that comes after":
      "Deno 2.4 cannot try a lock; larder then cleans away nothing that was used within the hour",
    "a sweep of a Spin app that is killed at any deletion hinders nothing that comes after":
      "Deno 2.4 cannot try a lock; larder then cleans away nothing that was used within the hour",
    "what an app used that has ended is collected > clean":
      "Deno 2.4 cannot try a lock; larder then cleans away nothing that was used within the hour",
  },
};

/** The variable that hands the exceptions, as JSON, to `tests/support/cli/skip_exceptions.ts`. */
export const EXCEPTIONS_VARIABLE = "LARDER_TEST_EXCEPTIONS";
