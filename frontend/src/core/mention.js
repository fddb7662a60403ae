// Who is being named with @ in a text.

const TYPED = /(^|[^\p{L}\p{N}_@])@([\p{L}\p{N}_.+-]*)$/u;

/**
 * The mention that ends at `caret`: where its @ is and what follows it; null when none is being typed. An address such
 * as mail@clinic is none (cases/comments/services.py `MENTION`).
 * @returns {{start: number, words: string} | null}
 */
export function mentionAt(text, caret) {
  const found = TYPED.exec(text.slice(0, caret));
  return found && { start: found.index + found[1].length, words: found[2] };
}
