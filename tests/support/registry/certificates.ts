import { join } from "node:path";
import { run } from "../cli/commands.ts";
import { TemporaryFolder } from "../temporary.ts";

/** A server's certificate and key, as files. */
export interface ServerCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Makes a self-signed certificate, which is for a CA by default, as Docker's documentation has it. */
export async function selfSigned(
  folder: string,
  ...options: readonly string[]
): Promise<ServerCertificate> {
  const id = crypto.randomUUID().slice(0, 8);
  const files = { certificate: join(folder, `${id}.crt`), key: join(folder, `${id}.key`) };
  await run("openssl", [
    ...["req", "-newkey", "rsa:2048", "-nodes", "-sha256", "-x509", "-days", "2"],
    ...["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", ...options],
    ...["-keyout", files.key, "-out", files.certificate],
  ]);
  return files;
}

/** What a certificate differs in from those that registries have. */
export interface CertificateOptions {
  /** Lines of an extension file of openssl, in place of those for a server on the loopback addresses. */
  readonly extensions?: readonly string[];
  /** Begin and end of its validity, as `20200101000000Z`. */
  readonly validity?: readonly [string, string];
}

/** The configuration that `openssl ca` requires for a certificate with other dates than from now on. */
const CA_CONFIG = `[ca]
default_ca = test
[test]
database = index.txt
new_certs_dir = .
default_md = sha256
policy = policy
rand_serial = yes
[policy]
commonName = supplied
`;

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

  /** A certificate for the loopback addresses and the given host names or IPv4 addresses. */
  async issue(...names: string[]): Promise<ServerCertificate> {
    const alternatives = ["127.0.0.1", "localhost", ...names].map((name) =>
      /^[0-9.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`
    );
    return await this.issueWith({
      extensions: [
        "basicConstraints=CA:FALSE",
        "extendedKeyUsage=serverAuth",
        `subjectAltName=${alternatives.join(",")}`,
      ],
    });
  }

  /** Starts a web server on a free port, with a certificate as {@link issue} makes it. */
  async serve(
    handler: Deno.ServeHandler<Deno.NetAddr>,
    { names = [], hostname = "127.0.0.1" }: { names?: readonly string[]; hostname?: string } = {},
  ): Promise<Deno.HttpServer<Deno.NetAddr>> {
    const { certificate, key } = await this.issue(...names);
    const [cert, keyText] = [certificate, key].map((path) => Deno.readTextFileSync(path));
    return Deno.serve({ hostname, port: 0, cert: cert!, key: keyText!, onListen() {} }, handler);
  }

  /** A certificate for a client. */
  async issueClient(): Promise<ServerCertificate> {
    return await this.issueWith({ extensions: ["extendedKeyUsage=clientAuth"] });
  }

  async issueWith(
    { extensions = ["subjectAltName=IP:127.0.0.1"], validity }: CertificateOptions,
  ): Promise<ServerCertificate> {
    const id = crypto.randomUUID().slice(0, 8);
    const [request, extensionFile] = [this.#path(`${id}.csr`), this.#path(`${id}.ext`)];
    const files = { certificate: this.#path(`${id}.pem`), key: this.#path(`${id}.key`) };
    Deno.writeTextFileSync(extensionFile, extensions.join("\n") + "\n");
    await run("openssl", [
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-subj", "/CN=larder test server", "-keyout", files.key, "-out", request],
    ]);
    if (validity) await this.#sign(request, extensionFile, files.certificate, validity);
    else {
      await run("openssl", [
        ...["x509", "-req", "-in", request, "-CA", this.file, "-CAkey", this.#path("ca.key")],
        ...["-CAcreateserial", "-days", "2", "-extfile", extensionFile, "-out", files.certificate],
      ]);
    }
    return files;
  }

  /** Signs a request for a certificate that is valid at other times. */
  async #sign(
    request: string,
    extensionFile: string,
    certificate: string,
    [start, end]: readonly [string, string],
  ): Promise<void> {
    const config = CA_CONFIG.replace("index.txt", this.#path("index.txt"))
      .replace(" .", ` ${this.#folder.path}`);
    Deno.writeTextFileSync(this.#path("ca.cnf"), config);
    Deno.writeTextFileSync(this.#path("index.txt"), "");
    await run("openssl", [
      ...["ca", "-batch", "-notext", "-config", this.#path("ca.cnf")],
      ...["-cert", this.file, "-keyfile", this.#path("ca.key"), "-in", request],
      ...["-startdate", start, "-enddate", end, "-extfile", extensionFile, "-out", certificate],
    ]);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }

  #path(name: string): string {
    return join(this.#folder.path, name);
  }
}
