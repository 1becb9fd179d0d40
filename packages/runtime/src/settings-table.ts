import type { Settings } from './config.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');

function fallbackCell(fallback: string | null): string {
  if (fallback === null) return 'required';
  return fallback === '' ? 'unset' : `\`${cell(fallback)}\``;
}

/**
 * The settings as a Markdown table, in their order: variable, default, who reads it, meaning. Where a reader has a
 * default of its own, that is named.
 */
export function settingsTable(settings: Settings, readers: Readonly<Record<string, Settings>>): string {
  const rows = Object.entries(settings).map(([name, { doc, fallback }]) => {
    const reading = Object.entries(readers).filter(([, read]) => name in read);
    const names = reading.map(([reader]) => reader);
    const readBy = names.length === Object.keys(readers).length ? 'all' : names.join(', ');
    const own = reading.flatMap(([reader, read]) => {
      const other = read[name]?.fallback;
      return other === undefined || other === fallback ? [] : [`${reader}: ${fallbackCell(other)}`];
    });
    return `| \`${name}\` | ${[fallbackCell(fallback), ...own].join('; ')} | ${readBy} | ${cell(doc)} |`;
  });
  return ['| Variable | Default | Read by | Meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}
