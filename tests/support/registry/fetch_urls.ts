// deno-lint-ignore-file no-console
/**
 * Sends a `GET` request to each URL of its arguments through larder's transport, and prints a line for each: status and
 * body, or code and message of the error. For tests that need an environment of their own, because the runtime reads
 * the proxy variables from it. `CA_FILE` names certificates to trust.
 */
import { LarderError } from "../../../src/base/errors.ts";
import { readCertificates } from "../../../src/registry/http/tls/ca.ts";
import { FetchTransport } from "../../../src/registry/http/clients/fetch_transport.ts";

const caFile = Deno.env.get("CA_FILE");
const caCerts = caFile ? readCertificates(caFile, "CA_FILE") : [];
const transport = new FetchTransport({ caCerts: () => caCerts, stallTimeout: 5000 });
for (const url of Deno.args) {
  try {
    const { status, body } = await transport.send({
      method: "GET",
      url: new URL(url),
      headers: {},
    });
    console.log(`${status} ${await new Response(body).text()}`);
  } catch (error) {
    if (!(error instanceof LarderError)) throw error;
    console.log(`${error.code} ${error.message}`);
  }
}
