import { type CheckAddress, checkLiteral } from "./checked_address.ts";
import { networkError } from "../../network_error.ts";
import { proxyFor } from "../../proxy.ts";
import type { HttpRequest, HttpResponse, Transport } from "../../transport.ts";

/** Checks all addresses of a name before each request, for runtimes that cannot connect to the checked one. */
export class CheckedNames implements Transport {
  readonly #inner: Transport;
  readonly #check: CheckAddress;

  constructor(inner: Transport, check: CheckAddress) {
    this.#inner = inner;
    this.#check = check;
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const { url } = request;
    if (request.isListed) return await this.#inner.send(request);
    checkLiteral(url, this.#check);
    if (!proxyFor(url, Deno.env)) {
      const { checkNames } = await import("./checked_lookup.ts");
      await checkNames(url, this.#check).catch((error) => {
        throw networkError(error, url);
      });
    }
    return await this.#inner.send(request);
  }
}
