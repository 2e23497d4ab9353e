/** The options that every command takes, before or after the verb. */
export interface GlobalOptions {
  readonly cacheDir?: string;
  readonly config?: string;
  readonly offline?: boolean;
  readonly insecure?: boolean;
  readonly caFile?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly progress: boolean;
}

export type Format = "table" | "json";

/** The shells that completion scripts can be had for. */
export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;
export type Shell = typeof SHELLS[number];
