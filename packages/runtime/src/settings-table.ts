import type { Settings } from './config.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');

/** The settings as a Markdown table, in their order: variable, default, meaning. */
export function settingsTable(settings: Settings): string {
  const rows = Object.entries(settings).map(([name, { doc, fallback }]) => {
    const shown = fallback === null ? 'required' : fallback === '' ? 'unset' : `\`${cell(fallback)}\``;
    return `| \`${name}\` | ${shown} | ${cell(doc)} |`;
  });
  return ['| Variable | Default | Meaning |', '| --- | --- | --- |', ...rows].join('\n');
}
