import { LarderError, messageOf } from "../../../base/errors.ts";

/** The runtime's variable for the certificates to trust, which it reads once, for its first client. */
const CA_STORE = "DENO_TLS_CA_STORE";

const STORES: readonly string[] = ["mozilla", "system", ""];

/**
 * Creates a client that trusts the certificates of the system beside the built-in ones, as other registry tools do:
 * those of an organisation are installed there. Reading them costs 0.4 ms.
 *
 * @throws LarderError LDR_CONFIG if the variable names anything else
 */
export function createClient(options: Deno.CreateHttpClientOptions): Deno.HttpClient {
  const stores = Deno.env.get(CA_STORE);
  if (stores) {
    requireStores(stores);
    return Deno.createHttpClient(options);
  }
  Deno.env.set(CA_STORE, "mozilla,system");
  try {
    return Deno.createHttpClient(options);
  } catch (error) {
    if (!/platform certificates/.test(messageOf(error))) throw error;
    Deno.env.set(CA_STORE, "mozilla"); // The system has none, or they cannot be read.
    return Deno.createHttpClient(options);
  }
}

/** The runtime fails too, but its error looks like one of the certificates that it was to read. */
function requireStores(names: string): void {
  if (names.split(",").every((name) => STORES.includes(name.trim()))) return;
  throw new LarderError("LDR_CONFIG", `bad ${CA_STORE}: "${names}" is not mozilla or system`, {
    hint: `set ${CA_STORE} to mozilla, system, or both with a comma, or unset it`,
  });
}

/**
 * Makes other connections than those of a client trust the certificates of the system too; the runtime reads them for
 * its first connection.
 */
export function trustSystemCertificates(): void {
  if (!Deno.env.get(CA_STORE)) createClient({}).close();
}

let isSeeding = false;

/**
 * Seeds the random numbers of TLS in another thread, while a connection is being made. The TLS of Deno 2.9 gathers them
 * for 26 ms, otherwise after the connection is made and before the first byte is sent.
 */
export function seedTls(): void {
  if (isSeeding) return;
  isSeeding = true;
  // Of all functions with random numbers, this one runs in another thread.
  crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"])
    .catch(() => {});
}
