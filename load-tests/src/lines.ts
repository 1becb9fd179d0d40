/** Lines of a text, without empty ones. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
