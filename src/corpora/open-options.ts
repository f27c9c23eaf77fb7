/** What can be chosen when a context is opened. */
import { ConfigError } from "../core/errors.ts";
import type { ExtractionLimits } from "./loaders/limits.ts";

export interface OpenCorpusOptions {
  readonly signal: AbortSignal;
  /** Where texts without a file are kept until the corpus is closed. @default the system's temporary directory */
  readonly spoolDir?: string;
  /** What paths are relative to. @default the working directory */
  readonly cwd?: string;
  /** Binary and unreadable files are left out and listed, or refused with an error. @default "skip" */
  readonly binary?: "skip" | "refuse";
  /**
   * Read every file as it is: no text is taken out of PDFs, office documents, archives and mailboxes, and HTML is its
   * source. @default false
   */
  readonly raw?: boolean;
  /**
   * What text files that are no UTF-8 are in, for instance "latin1". @default their bytes are kept: those that are no
   * UTF-8 come as lone surrogates
   */
  readonly encoding?: string;
  /** How far one file may go while text is taken out of it. */
  readonly extraction?: Partial<ExtractionLimits>;
  /** Leave out of directories what their .gitignore files say. @default true */
  readonly gitignore?: boolean;
  /** Gives each document its id, of the form d1. @default d1, d2, … */
  readonly nextDocumentId?: () => string;
  readonly onProgress?: (progress: OpenProgress) => void;
}

export interface OpenProgress {
  /** Documents taken up so far. */
  readonly documents: number;
  readonly bytes: number;
}

/** Throws ConfigError "invalid_option" for a name that nobody knows. */
export function checkEncoding(encoding: string | undefined): void {
  if (encoding === undefined) return;
  try {
    void new TextDecoder(encoding);
  } catch (error) {
    throw new ConfigError(
      "invalid_option",
      `Expected "encoding" to be the name of one, for instance "latin1" or "shift_jis", got "${encoding}".`,
      { cause: error },
    );
  }
}
