import { join } from "node:path";
import { run } from "../cli/commands.ts";
import { TemporaryFolder } from "../temporary.ts";

/** A server's certificate and key, as files. */
export interface ServerCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority of one test, trusted only where the test says so. */
export class TestCa implements Disposable {
  readonly #folder = new TemporaryFolder();

  static async create(): Promise<TestCa> {
    const ca = new TestCa();
    await run("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-days", "2", "-subj", "/CN=larder test CA"],
      ...["-addext", "basicConstraints=critical,CA:TRUE"],
      ...["-addext", "keyUsage=critical,keyCertSign,digitalSignature"],
      ...["-keyout", ca.#path("ca.key"), "-out", ca.file],
    ]);
    return ca;
  }

  /** The CA's own certificate, PEM. */
  get file(): string {
    return this.#path("ca.pem");
  }

  get pem(): string {
    return Deno.readTextFileSync(this.file);
  }

  /** A certificate for the loopback addresses and the given host names. */
  async issue(...names: string[]): Promise<ServerCertificate> {
    const id = crypto.randomUUID().slice(0, 8);
    const [request, extensions] = [this.#path(`${id}.csr`), this.#path(`${id}.ext`)];
    const files = { certificate: this.#path(`${id}.pem`), key: this.#path(`${id}.key`) };
    const alternatives = ["IP:127.0.0.1", ...["localhost", ...names].map((name) => `DNS:${name}`)];
    Deno.writeTextFileSync(
      extensions,
      `basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName=${
        alternatives.join(",")
      }\n`,
    );
    await run("openssl", [
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-subj", "/CN=larder test server", "-keyout", files.key, "-out", request],
    ]);
    await run("openssl", [
      ...["x509", "-req", "-in", request, "-CA", this.file, "-CAkey", this.#path("ca.key")],
      ...["-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", files.certificate],
    ]);
    return files;
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }

  #path(name: string): string {
    return join(this.#folder.path, name);
  }
}
