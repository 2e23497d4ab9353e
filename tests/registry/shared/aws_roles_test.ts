import assert from "node:assert/strict";
import { redact } from "../../../src/base/redact.ts";
import {
  containerCredentials,
  instanceCredentials,
  type RoleDependencies,
  webIdentityCredentials,
} from "../../../src/registry/shared/aws_roles.ts";
import { failureOf } from "../../support/failure_of.ts";
import { FakeTransport, response } from "../../support/registry/fake_transport.ts";

const EXPIRATION = "2026-11-29T12:00:00Z";
const ROLE = {
  AccessKeyId: "ROLE",
  SecretAccessKey: "secret-of-role",
  Token: "session-of-role",
  Expiration: EXPIRATION,
};
const FOUND = {
  accessKeyId: "ROLE",
  secretAccessKey: "secret-of-role",
  sessionToken: "session-of-role",
  expiresAt: Date.parse(EXPIRATION),
};

function json(value: unknown = ROLE) {
  return response(200, {}, JSON.stringify(value));
}

function setUp(env: Record<string, string>, local: FakeTransport, transport = local) {
  const deps: RoleDependencies = {
    env: (name) => env[name],
    readFile: (path) => `content of ${path}\n`,
    region: "eu-central-1",
    transport,
    local,
  };
  return deps;
}

Deno.test("containerCredentials asks Amazon ECS, or the address of Amazon EKS with its token", async () => {
  const ecs = new FakeTransport(json());
  const relative = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials/1" };
  assert.deepEqual(await containerCredentials(setUp(relative, ecs)), FOUND);
  assert.deepEqual(ecs.lines, ["GET http://169.254.170.2/v2/credentials/1"]);
  assert.deepEqual(ecs.requests[0]!.headers, {});
  const eks = new FakeTransport(json());
  const full = {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://169.254.170.23/v1/credentials",
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/run/token",
  };
  assert.deepEqual(await containerCredentials(setUp(full, eks)), FOUND);
  assert.deepEqual(eks.requests[0]!.headers, { authorization: "content of /run/token" });
  assert.equal(redact("content of /run/token"), "***");
  assert.equal(await containerCredentials(setUp({}, eks)), undefined);
});

Deno.test("containerCredentials asks over HTTP only on this machine", async () => {
  for (const url of ["http://example.com/", "http://169.254.169.254/", "file:///etc/passwd", "x"]) {
    const transport = new FakeTransport(json());
    const env = { AWS_CONTAINER_CREDENTIALS_FULL_URI: url };
    const error = await failureOf(containerCredentials(setUp(env, transport)));
    assert.equal(error.code, "LDR_CONFIG", url);
    assert.deepEqual(transport.lines, []);
  }
});

Deno.test("containerCredentials says what did not answer with credentials", async () => {
  const env = { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:1/" };
  const cases = [
    [response(404), /no credentials from 127\.0\.0\.1:1: it answered 404/],
    [response(200), /its answer has none/],
    [json({ ...ROLE, Expiration: "soon" }), /its answer has none/],
  ] as const;
  for (const [answer, message] of cases) {
    const error = await failureOf(containerCredentials(setUp(env, new FakeTransport(answer))));
    assert.match(error.message, message);
  }
});

Deno.test("webIdentityCredentials exchanges the token for the credentials of the role", async () => {
  const xml = `<AssumeRoleWithWebIdentityResponse><Credentials>
    <AccessKeyId>ROLE</AccessKeyId><SecretAccessKey>secret-of-role</SecretAccessKey>
    <SessionToken>session-of-role</SessionToken><Expiration>${EXPIRATION}</Expiration>
    </Credentials></AssumeRoleWithWebIdentityResponse>`;
  const sts = new FakeTransport(response(200, {}, xml));
  const env = { AWS_WEB_IDENTITY_TOKEN_FILE: "/run/jwt", AWS_ROLE_ARN: "arn:aws:iam::1:role/ci" };
  const unused = new FakeTransport();
  assert.deepEqual(await webIdentityCredentials(setUp(env, unused, sts)), FOUND);
  assert.deepEqual(sts.lines, ["POST https://sts.eu-central-1.amazonaws.com/"]);
  const sent = new URLSearchParams(sts.requests[0]!.body);
  assert.equal(sent.get("WebIdentityToken"), "content of /run/jwt");
  assert.equal(sent.get("RoleArn"), "arn:aws:iam::1:role/ci");
  assert.equal(await webIdentityCredentials(setUp({}, unused)), undefined);
});

Deno.test("instanceCredentials asks with a token of the session, and finds none elsewhere", async () => {
  const imds = new FakeTransport(response(200, {}, "token"), response(200, {}, "ci\n"), json());
  assert.deepEqual(await instanceCredentials(setUp({}, imds)), FOUND);
  const base = "http://169.254.169.254/latest";
  assert.deepEqual(imds.lines, [
    `PUT ${base}/api/token`,
    `GET ${base}/meta-data/iam/security-credentials/`,
    `GET ${base}/meta-data/iam/security-credentials/ci`,
  ]);
  assert.equal(imds.requests[2]!.headers["x-aws-ec2-metadata-token"], "token");
  for (const answer of [new Error("no route"), response(404)]) {
    assert.equal(await instanceCredentials(setUp({}, new FakeTransport(answer))), undefined);
  }
  const off = new FakeTransport();
  assert.equal(
    await instanceCredentials(setUp({ AWS_EC2_METADATA_DISABLED: "true" }, off)),
    undefined,
  );
  assert.deepEqual(off.lines, []);
});
