import assert from "node:assert/strict";
import { FetchTransport } from "../../../../src/registry/http/clients/fetch_transport.ts";
import { tlsError } from "../../../../src/registry/http/tls/tls_error.ts";
import { failureOf } from "../../../support/failure_of.ts";
import {
  type CertificateOptions,
  selfSigned,
  type ServerCertificate,
  TestCa,
} from "../../../support/registry/certificates.ts";
import { get } from "../../../support/registry/fake_transport.ts";
import { OpensslServer } from "../../../support/registry/openssl_server.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";

/** Requests a page of a server, and trusts these certificates. */
async function failure(server: OpensslServer, caCerts: string[]) {
  using transport = new FetchTransport({ caCerts: () => caCerts });
  return await failureOf(transport.send(get(`https://${server.host}/`)));
}

const CERTIFICATES: [name: string, CertificateOptions, message: RegExp, hint: RegExp][] = [
  [
    "expired",
    { validity: ["20200101000000Z", "20210102000000Z"] },
    /certificate: it expired on 2021-01-02$/,
    /renew/,
  ],
  [
    "not yet valid",
    { validity: ["20900101000000Z", "20910101000000Z"] },
    /certificate: it is not valid before 2090-01-01$/,
    /clock/,
  ],
  [
    "for other names",
    { extensions: ["subjectAltName=DNS:a.test,DNS:*.b.test,IP:127.0.0.2"] },
    /certificate: it is for a\.test, \*\.b\.test, .*, and not for 127\.0\.0\.1$/,
    /use a name/,
  ],
  [
    "without names",
    { extensions: ["basicConstraints=CA:FALSE"] },
    /it has no subjectAltName, and so is not for 127\.0\.0\.1$/,
    /subjectAltName=IP:127\.0\.0\.1$/,
  ],
  [
    "for clients only",
    { extensions: ["subjectAltName=IP:127.0.0.1", "extendedKeyUsage=clientAuth"] },
    /it is not for servers$/,
    /serverAuth/,
  ],
];

for (const [name, options, message, hint] of CERTIFICATES) {
  Deno.test(`FetchTransport.send says that a certificate is ${name}`, async () => {
    using ca = await TestCa.create();
    await using server = await OpensslServer.start(await ca.issueWith(options));
    const error = await failure(server, [ca.pem]);
    assert.equal(error.code, "LDR_TLS");
    assert.match(error.message, message);
    assert.match(
      error.message,
      new RegExp(`^no secure connection to ${server.host}: invalid peer`),
    );
    assert.match(error.hint, hint);
  });
}

const SERVERS: [name: string, options: (ca: TestCa) => string[], message: RegExp, hint: RegExp][] =
  [
    [
      "wants a client certificate",
      (ca) => ["-Verify", "1", "-CAfile", ca.file],
      /: it wants a client certificate$/,
      /certs\.d\/127\.0\.0\.1:\d+, as client\.cert and client\.key$/,
    ],
    [
      "wants a client certificate, with TLS 1.2",
      (ca) => ["-Verify", "1", "-CAfile", ca.file, "-tls1_2"],
      /alert: HandshakeFailure$/,
      /client certificate, or has no cipher in common: .*certs\.d/,
    ],
    [
      "has no cipher in common",
      () => ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"],
      /alert: HandshakeFailure$/,
      /no cipher in common: ECDHE/,
    ],
    [
      "has only old versions of TLS",
      () => ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
      /alert: ProtocolVersion$/,
      /enable TLS 1\.2 or 1\.3/,
    ],
  ];

for (const [name, options, message, hint] of SERVERS) {
  Deno.test(`FetchTransport.send says that a server ${name}`, async () => {
    using ca = await TestCa.create();
    await using server = await OpensslServer.start(await ca.issue(), ...options(ca));
    const error = await failure(server, [ca.pem]);
    assert.equal(error.code, "LDR_TLS", error.message);
    assert.match(error.message, message);
    assert.match(error.hint, hint);
  });
}

async function withSelfSigned(
  options: readonly string[],
  use: (server: OpensslServer, files: ServerCertificate) => Promise<void>,
): Promise<void> {
  using folder = new TemporaryFolder();
  const files = await selfSigned(folder.path, ...options);
  await using server = await OpensslServer.start(files);
  await use(server, files);
}

Deno.test("FetchTransport.send says that a server's certificate is for a CA, and how to make another", async () => {
  await withSelfSigned([], async (server, { certificate }) => {
    for (const trusted of [[Deno.readTextFileSync(certificate)], []]) {
      const error = await failure(server, trusted);
      assert.equal(error.code, "LDR_TLS");
      assert.match(error.message, /it is for a CA \(CA:TRUE\)/);
      assert.match(error.hint, /-addext basicConstraints=critical,CA:FALSE/);
    }
  });
  await withSelfSigned(
    ["-addext", "basicConstraints=critical,CA:FALSE"],
    async (server, { certificate }) => {
      const trusted = [Deno.readTextFileSync(certificate)];
      using transport = new FetchTransport({ caCerts: () => trusted });
      const response = await transport.send(get(`https://${server.host}/`));
      await response.body?.cancel();
      assert.equal(response.status, 200);
      assert.match((await failure(server, [])).message, /UnknownIssuer$/);
    },
  );
});

const TEXTS: [detail: string, hint: RegExp | undefined][] = [
  ["invalid peer certificate: UnknownIssuer", /--ca-file/],
  ["invalid peer certificate: BadSignature", /--ca-file/],
  ["received fatal alert: UnknownCA", /client certificate/],
  ["received fatal alert: CertificateExpired", /client certificate/],
  ["received fatal alert: UnrecognisedName", /check the host/],
  ["received corrupt message of type InvalidContentType", /plain HTTP, --insecure/],
  ["peer is incompatible: ServerDoesNotSupportTls12Or13", /TLS 1\.2/],
  ["received fatal alert: InternalError", /--ca-file/],
  ["tcp connect error: Connection refused (os error 111)", undefined],
  ["tls handshake eof", undefined],
];

for (const [detail, hint] of TEXTS) {
  Deno.test(`tlsError hints at ${hint ?? "nothing"} for "${detail}"`, () => {
    const error = tlsError(detail, new URL("https://r.test:5000/x?sig=s"), new Error(detail));
    assert.equal(error !== undefined, hint !== undefined);
    if (hint) assert.match(error!.hint, hint);
  });
}
