/** Text from files that anybody could have written, made safe to print. */

const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu;

/**
 * Control and format characters as `\u{1b}`: what a file says can neither move the cursor nor turn the
 * direction of a line, and two texts that look alike are alike.
 */
export function visible(text: string): string {
  return text.replace(
    UNSEEN,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
