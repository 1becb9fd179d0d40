import { ANSWERS } from './answers.ts';
import type { Received } from './received.ts';

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

function row(received: Received): string {
  const headers = Object.entries(received.headers).map(([name, value]) => `${name}: ${value}`);
  return `<tr><td>${new Date(received.received_at).toISOString()}</td><td>${escape(received.method)} ${escape(received.path)}</td>
<td>${received.status ?? 'reset'}</td><td><details><summary>${received.body_bytes} bytes</summary>
<pre>${escape(headers.join('\n'))}\n\n${escape(received.body)}</pre></details></td></tr>`;
}

/** What came in, as a page without scripts. */
export function renderPage(list: readonly Received[], total: number): string {
  const paths = Object.values(ANSWERS).map(
    ({ usage, what }) => `<tr><td><code>${escape(usage)}</code></td><td>${escape(what)}</td></tr>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Demo receiver</title>
<style>body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #ddd}
pre{white-space:pre-wrap;overflow-wrap:anywhere}</style></head>
<body><h1>Demo receiver</h1><p>An endpoint to send webhooks to. It answers as the path says:</p>
<table>${paths.join('\n')}</table>
<h2>Received (${total})</h2>
<table><tr><th>Time</th><th>Request</th><th>Answered</th><th>Headers and body</th></tr>
${list.map(row).join('\n')}</table></body></html>\n`;
}
