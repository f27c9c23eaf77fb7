/** Makes words of scripts that write none: Chinese, Japanese, Korean, Thai and their like. Pure. */

/**
 * Scripts without spaces between words become one word a character, in texts and queries alike: a query of several
 * characters is then a phrase.
 */
export function spaceOutDenseScripts(text: string): string {
  return text.replaceAll(denseCharacter, " $& ");
}

const denseCharacter =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/gu;
