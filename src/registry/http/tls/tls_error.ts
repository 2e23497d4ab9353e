import { LarderError } from "../../../base/errors.ts";
import { withoutBrackets } from "../../../base/url_host.ts";

/** What the runtime says of a failed handshake, what to say instead if that is hard to read, and what to do. */
type Case = readonly [
  pattern: RegExp,
  hint: (host: string) => string,
  message?: (match: RegExpExecArray) => string,
];

const BAD = "invalid peer certificate: ";

const day = (seconds: string) => new Date(Number(seconds) * 1000).toISOString().slice(0, 10);

const UNKNOWN_CA =
  "name the CA of the certificate with --ca-file or SSL_CERT_FILE, or accept any certificate with --insecure";

/** The texts are those of rustls 0.23 and its alerts (RFC 8446 section 6.2). */
const CASES: readonly Case[] = [
  [
    /CaUsedAsEndEntity/,
    () =>
      "make a certificate for a server, by adding -addext basicConstraints=critical,CA:FALSE to the openssl command, and name it with --ca-file; or accept any certificate with --insecure",
    () => `${BAD}it is for a CA (CA:TRUE), and TLS allows no server to use such a certificate`,
  ],
  [
    /certificate expired.* after (\d+)/,
    () => "ask the registry's operator to renew the certificate, or check this machine's clock",
    ([, seconds]) => `${BAD}it expired on ${day(seconds!)}`,
  ],
  [
    /certificate not valid yet.* before (\d+)/,
    () => `check this machine's clock, which says ${new Date().toISOString().slice(0, 10)}`,
    ([, seconds]) => `${BAD}it is not valid before ${day(seconds!)}`,
  ],
  [
    /certificate not valid for name "([^"]*)"; certificate is only valid for (.*)/,
    () =>
      "use a name that the certificate has, or ask the registry's operator for one with this name",
    ([, name, names]) => `${BAD}it is for ${namesIn(names!)}, and not for ${name}`,
  ],
  [
    /certificate not valid for name "([^"]*)"/,
    (host) =>
      `ask the registry's operator for a certificate with subjectAltName=${alternativeName(host)}`,
    ([, name]) => `${BAD}it has no subjectAltName, and so is not for ${name}`,
  ],
  [
    /extended key usage/,
    () => "ask the registry's operator for a certificate with extendedKeyUsage=serverAuth",
    () => `${BAD}it is not for servers`,
  ],
  [
    /alert: CertificateRequired/,
    clientCertificateHint,
    () => "it wants a client certificate",
  ],
  [
    /alert: (?:BadCertificate|UnsupportedCertificate|Certificate\w+|UnknownCA|AccessDenied)/,
    clientCertificateHint,
    ([alert]) =>
      `it wants a client certificate, and got none or one that it does not accept (${alert})`,
  ],
  [
    /alert: (?:HandshakeFailure|InsufficientSecurity)/,
    (host) =>
      `the registry wants a client certificate, or has no cipher in common: ${ciphers}; for the former, ${
        clientCertificateHint(host)
      }`,
  ],
  [
    /alert: ProtocolVersion|peer is incompatible/,
    () => `ask the registry's operator to enable TLS 1.2 or 1.3, with ${ciphers}`,
  ],
  [
    /alert: Unrecogni[sz]edName/,
    () => "check the host: the server at this address has no certificate for it",
  ],
  [/corrupt message/, (host) => `if ${host} uses plain HTTP, --insecure allows that`],
  [/certificate|alert|^peer /, () => UNKNOWN_CA],
];

const ciphers = "ECDHE with AES-GCM or ChaCha20";

/** Makes the error for a handshake that failed, or returns undefined if a text is not about TLS. */
export function tlsError(detail: string, url: URL, cause: Error): LarderError | undefined {
  for (const [pattern, hint, message] of CASES) {
    const match = pattern.exec(detail);
    if (!match) continue;
    const what = message?.(match) ?? detail;
    return new LarderError("LDR_TLS", `no secure connection to ${url.host}: ${what}`, {
      hint: hint(url.host),
      cause,
    });
  }
  return undefined;
}

function clientCertificateHint(host: string): string {
  return `put a client certificate and its key, which you may read, into /etc/docker/certs.d/${host}, as client.cert and client.key`;
}

/** Returns `a.test, *.b.test` for `DnsName("a.test") or DnsName("*.b.test")`. */
function namesIn(text: string): string {
  const names = [...text.matchAll(/\w+\((?:"([^"]*)"|([^)]*))\)/g)].map(([, a, b]) => a ?? b);
  return names.join(", ") || text;
}

function alternativeName(host: string): string {
  const name = withoutBrackets(host.replace(/:\d+$/, ""));
  return /^[\d.]+$|:/.test(name) ? `IP:${name}` : `DNS:${name}`;
}
