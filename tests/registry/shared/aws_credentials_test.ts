import assert from "node:assert/strict";
import { redact } from "../../../src/base/redact.ts";
import { findAwsCredentials } from "../../../src/registry/shared/aws_credentials.ts";

const FILE = `# a comment
[default]
aws_access_key_id = DEFAULT
aws_secret_access_key=default/secret=

[ci]
region = eu-central-1
aws_access_key_id=CI
aws_secret_access_key=secret-of-ci
aws_session_token = token-of-ci
[half]
aws_access_key_id=HALF
`;

const CASES: [name: string, env: Record<string, string>, key: string | undefined][] = [
  ["the default profile", {}, "DEFAULT"],
  ["the profile of AWS_PROFILE", { AWS_PROFILE: "ci" }, "CI"],
  ["no profile that lacks the secret", { AWS_PROFILE: "half" }, undefined],
  ["no other profile than the one named", { AWS_PROFILE: "none" }, undefined],
  ["the environment first", { AWS_ACCESS_KEY_ID: "E", AWS_SECRET_ACCESS_KEY: "of-e" }, "E"],
  ["the file if the environment has only half", { AWS_ACCESS_KEY_ID: "E" }, "DEFAULT"],
];

for (const [name, env, key] of CASES) {
  Deno.test(`findAwsCredentials uses ${name}`, () => {
    const found = findAwsCredentials((variable) => env[variable], () => FILE);
    assert.equal(found?.accessKeyId, key);
  });
}

Deno.test("findAwsCredentials keeps secrets out of messages", () => {
  const found = findAwsCredentials(
    (variable) => ({ AWS_PROFILE: "ci" })[variable],
    () => FILE.replaceAll("\n", "\r\n"),
  );
  assert.deepEqual(found, {
    accessKeyId: "CI",
    secretAccessKey: "secret-of-ci",
    sessionToken: "token-of-ci",
  });
  assert.equal(redact("secret-of-ci and token-of-ci"), "*** and ***");
  assert.equal(findAwsCredentials(() => undefined, () => undefined), undefined);
});
