import assert from "node:assert/strict";
import { redact } from "../../../src/base/redact.ts";
import {
  type AwsCredentials,
  environmentCredentials,
  profileCredentials,
  remembered,
} from "../../../src/registry/shared/aws_credentials.ts";
import { FakeClock } from "../../support/fake_clock.ts";

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

const PROFILES: [name: string, env: Record<string, string>, key: string | undefined][] = [
  ["the default profile", {}, "DEFAULT"],
  ["the profile of AWS_PROFILE", { AWS_PROFILE: "ci" }, "CI"],
  ["no profile that lacks the secret", { AWS_PROFILE: "half" }, undefined],
  ["no other profile than the one named", { AWS_PROFILE: "none" }, undefined],
];

for (const [name, env, key] of PROFILES) {
  Deno.test(`profileCredentials uses ${name}`, () => {
    assert.equal(profileCredentials(FILE, (variable) => env[variable])?.accessKeyId, key);
  });
}

Deno.test("environmentCredentials uses what is complete", () => {
  const of = (env: Record<string, string>) => environmentCredentials((name) => env[name]);
  const whole = { AWS_ACCESS_KEY_ID: "E", AWS_SECRET_ACCESS_KEY: "of-e" };
  assert.deepEqual(of(whole), { accessKeyId: "E", secretAccessKey: "of-e" });
  assert.equal(of({ AWS_ACCESS_KEY_ID: "E" }), undefined);
});

Deno.test("profileCredentials keeps secrets out of messages", () => {
  const env: Record<string, string> = { AWS_PROFILE: "ci" };
  const found = profileCredentials(FILE.replaceAll("\n", "\r\n"), (name) => env[name]);
  assert.deepEqual(found, {
    accessKeyId: "CI",
    secretAccessKey: "secret-of-ci",
    sessionToken: "token-of-ci",
  });
  assert.equal(redact("secret-of-ci and token-of-ci"), "*** and ***");
});

const MINUTE = 60_000;

Deno.test("remembered asks once until credentials are about to expire, and again after a failure", async () => {
  const clock = new FakeClock();
  const start = clock.now();
  let asked = 0;
  let answer: AwsCredentials | Error | undefined = new Error("away");
  const find = remembered(() => {
    asked++;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }, clock);
  await assert.rejects(find());
  answer = { accessKeyId: "A", secretAccessKey: "of-a", expiresAt: start + 60 * MINUTE };
  assert.deepEqual(await Promise.all([find(), find()]), [answer, answer]);
  await clock.sleep(54 * MINUTE);
  await find();
  assert.equal(asked, 2);
  await clock.sleep(MINUTE);
  answer = undefined;
  assert.equal(await find(), undefined);
  await clock.sleep(4 * MINUTE);
  await find();
  assert.equal(asked, 3);
  await clock.sleep(MINUTE);
  await find();
  assert.equal(asked, 4);
});
