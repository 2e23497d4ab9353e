import type { Descriptor } from "../oci/descriptor.ts";

/** What became of one part of an image. */
export type Outcome = "reused" | "fetched" | "skipped";

/** Is told how a pull goes on. Every method may be left out. */
export interface PullObserver {
  /** `parts` have to be fetched. Not called where nothing has to be. */
  planned?(parts: readonly Descriptor[]): void | Promise<void>;
  /** A transfer begins at `offset`: 0, or where an earlier try ended. */
  started?(part: Descriptor, offset: number): void;
  progressed?(part: Descriptor, bytes: number): void;
  finished?(part: Descriptor, outcome: Outcome): void;
  /** Something worth a line: a retry, a wait for another process. */
  note?(message: string): void;
}
