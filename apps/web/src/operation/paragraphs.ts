/** The text of `explain` in paragraphs. Pure. */

export interface Line {
  text: string;
  /** It belongs to the line before it. */
  item: boolean;
}

/** Without what the head of the page says already: who submitted it, what its plan would do, and what is in `said`. */
export function paragraphs(text: string, said: readonly string[] = []): Line[][] {
  const [, ...rest] = text.trimEnd().split('\n');
  const from = rest.findIndex((line) => line.trim() === '');
  const blocks = rest
    .slice(Math.max(0, from))
    .join('\n')
    .split(/\n\s*\n/);
  const isSaid = (line: string): boolean => said.some((one) => line.toLowerCase().endsWith(one.toLowerCase().replace(/[.!?…]$/, '')));
  const lines = blocks.map((block) => block.split('\n').filter((line) => line.trim() !== '' && !isSaid(line.replace(/[.!?…]$/, ''))));
  return lines.map((all) => all.map((line) => ({ text: line.trim(), item: line.startsWith('  ') }))).filter((all) => all.length > 0);
}
