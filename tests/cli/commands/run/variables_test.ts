import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../../src/base/errors.ts";
import { parseVariables, providedVariables } from "../../../../src/cli/commands/run/variables.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";

Deno.test("parseVariables reads values, values of files, and files of values", async () => {
  using folder = new TemporaryFolder();
  const file = (name: string, text: string) => {
    Deno.writeTextFileSync(join(folder.path, name), text);
    return join(folder.path, name);
  };
  const { named, ofFiles } = await parseVariables([
    "a=1",
    "b=",
    "c=d=e",
    `token=@${file("token", "s3cret\n")}`,
    `@${file("one.json", '{ "x": "json", "y": "json" }')}`,
    `@${file("two.toml", 'y = "toml"')}`,
  ]);
  assert.deepEqual([...named], [["a", "1"], ["b", ""], ["c", "d=e"], ["token", "s3cret\n"]]);
  assert.deepEqual([...ofFiles], [["x", "json"], ["y", "toml"]]);
});

const FAULTS: [option: string, file: string | undefined, message: RegExp][] = [
  ["secret", undefined, /expected NAME=VALUE/],
  ["=secret", undefined, /expected NAME=VALUE/],
  ["a=@FILE", undefined, /there is no file/],
  ["@FILE.toml", undefined, /there is no file/],
  ["@FILE.env", "secret", /ends neither in .toml nor in .json/],
  ["@FILE.json", "secret", /is not JSON/],
  ["@FILE.json", '["secret"]', /is not a JSON object/],
  ["@FILE.json", '{ "n": 1 }', /the value of "n" in .* is not a text/],
  ["@FILE.toml", "token = secret", /is not TOML/],
  ["@FILE.toml", "[table]\na = 'x'", /the value of "table" in .* is not a text/],
];

for (const [option, text, message] of FAULTS) {
  Deno.test(`parseVariables refuses --variable ${option} of ${JSON.stringify(text)}, and shows no secret`, async () => {
    using folder = new TemporaryFolder();
    const path = join(folder.path, "f");
    if (text !== undefined) Deno.writeTextFileSync(option.replace("@FILE", path), text);
    await assert.rejects(
      () => parseVariables([option.replace("FILE", path)]),
      (error) =>
        hasCode(error, "LDR_USAGE") && message.test(error.message) &&
        !`${error.message}${error.hint}`.includes("secret"),
    );
  });
}

Deno.test("parseVariables refuses a file that is not text, too large, or a folder", async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "f");
  for (
    const [content, message] of [
      [new Uint8Array([0xff, 0xfe]), /f is not UTF-8$/],
      [new Uint8Array(1024 * 1024 + 1), /f has more than 1024 KiB$/],
      [undefined, /f is a folder$/],
    ] as const
  ) {
    if (content) Deno.writeFileSync(path, content);
    else {
      Deno.removeSync(path);
      Deno.mkdirSync(path);
    }
    await assert.rejects(
      () => parseVariables([`a=@${path}`]),
      (error) => hasCode(error, "LDR_USAGE") && message.test(error.message),
    );
  }
});

Deno.test("providedVariables names the dotenv file of a runtime config that is missing", () => {
  assert.throws(
    () => providedVariables([{ type: "env", dotenv_path: "nothing.env" }], {}),
    (error) => hasCode(error, "LDR_CONFIG") && /dotenv_path: there is no file/.test(error.message),
  );
});

Deno.test("providedVariables prefers a provider to those after it, and to the environment", () => {
  using folder = new TemporaryFolder();
  const dotenv = join(folder.path, "env");
  Deno.writeTextFileSync(dotenv, 'APP_C="of the file"\nAPP_D=too\nOTHER=x\n');
  const env = {
    SPIN_VARIABLE_A_B: "env",
    SPIN_VARIABLE_X: "env",
    SPIN_VARIABLEX: "no",
    APP_C: "e",
  };
  const values = providedVariables([
    { type: "static", values: { a_b: "static" } },
    { type: "env", prefix: "APP", dotenv_path: dotenv },
  ], env);
  assert.deepEqual(Object.fromEntries(values), { a_b: "static", c: "e", d: "too", x: "env" });
});
