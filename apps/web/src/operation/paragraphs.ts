/** The text of `explain` in paragraphs. Pure. */
export interface Paragraph {
  lines: string[];
  /** Belongs to the line before it. */
  items: string[];
}

/** Without what the head of the page says already: who submitted it, and what its plan would do. Pure. */
export function paragraphs(text: string): Paragraph[] {
  const [, ...rest] = text.trimEnd().split('\n');
  const from = rest.findIndex((line) => line.trim() === '');
  const found: Paragraph[] = [];
  for (const block of rest
    .slice(Math.max(0, from))
    .join('\n')
    .split(/\n\s*\n/)) {
    const paragraph: Paragraph = { lines: [], items: [] };
    for (const line of block.split('\n').filter((one) => one.trim() !== '')) {
      if (line.startsWith('  ')) paragraph.items.push(line.trim());
      else paragraph.lines.push(line);
    }
    if (paragraph.lines.length + paragraph.items.length > 0) found.push(paragraph);
  }
  return found;
}
