/** A nameless file in which one interpreter leaves a copy of itself, booted, so that later ones need not boot. */
import { namelessFile, type NamelessFile } from "./nameless-file.ts";

export interface ImageUse {
  /** What an interpreter does with the image: writes it, starts from it, or neither, while another one writes it. */
  readonly how: "save" | "load" | "plain";
  readonly descriptor: number | undefined;
  /** To be called when the interpreter that writes it gives its first sign of life, or ends without one. */
  settle(isSaved: boolean): void;
}

/**
 * One image for a process of ours and its interpreters. It is written before any cell has run, and those that start from
 * it hold it open for reading only: no session can reach into another one through it.
 */
export class BootImage {
  #state: "none" | "being saved" | "saved" = "none";
  #file: NamelessFile | undefined;

  use(): ImageUse {
    if (this.#state === "saved") return { how: "load", descriptor: this.#file?.reading, settle: () => {} };
    if (this.#state === "being saved") return { how: "plain", descriptor: undefined, settle: () => {} };
    const file = namelessFile();
    this.#state = "being saved";
    this.#file = file;
    return { how: "save", descriptor: file.writing, settle: (isSaved) => this.#settle(isSaved) };
  }

  #settle(isSaved: boolean): void {
    if (this.#state !== "being saved") return;
    this.#state = isSaved ? "saved" : "none";
    if (!isSaved) this.#file?.close();
  }
}
