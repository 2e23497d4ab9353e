import type { SandboxChoice } from "../../../builds/sandbox/sandbox_choice.ts";
import type { Format } from "../../options.ts";
import type { PullingOptions } from "../pull/options.ts";

/** The options of `larder build`. */
export interface BuildCommandOptions extends PullingOptions {
  readonly input?: readonly string[];
  readonly ref?: readonly string[];
  readonly env?: readonly string[];
  readonly output?: string;
  readonly network?: boolean;
  readonly sandbox: SandboxChoice;
  readonly rebuild?: boolean;
  readonly strict?: boolean;
  readonly explain?: boolean;
  /** False with `--no-image-cache`. */
  readonly imageCache: boolean;
  /** False with `--no-package-cache`. */
  readonly packageCache: boolean;
  readonly format: Format;
}
