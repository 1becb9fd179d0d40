/** Where things are, as the start message, the home page and `endpoints.json` tell it. */
export interface Endpoints {
  pid: number;
  api: string;
  docs: string;
  admin: string;
  demo_receiver: string;
}

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);

/** The three requests that show the main job. They work when pasted, with `key` when one is set. */
function firstSteps(endpoints: Endpoints, needsKey: boolean): string[] {
  const key = needsKey ? ' -H "authorization: Bearer $API_KEY"' : '';
  const json = "-H 'content-type: application/json'";
  return [
    `SUB=$(curl -s${key} ${endpoints.api}/api/v1/subscriptions ${json} -d '{"target_url":"${endpoints.demo_receiver}/ok"}' | sed -E 's/.*"id":"([^"]+)".*/\\1/')`,
    `curl -s${key} ${endpoints.api}/ingest/$SUB ${json} -H 'x-event-type: order.created' -d '{"order":42}'`,
    // The history follows within a second or so.
    `until curl -s${key} ${endpoints.api}/api/v1/subscriptions/$SUB/attempts | grep -E 'outcome|detail'; do sleep 0.5; done`,
  ];
}

/** What `npm start` prints once everything runs. */
export function startMessage(endpoints: Endpoints, notes: readonly string[], needsKey: boolean): string {
  return [
    '',
    'Milena is running.',
    '',
    `  API            ${endpoints.api}/api/v1`,
    `  API docs       ${endpoints.docs}`,
    `  Demo receiver  ${endpoints.demo_receiver}   (answers /ok, /status/503, /slow?ms=500, … and lists what it got)`,
    `  Health         ${endpoints.admin}/ready   metrics: ${endpoints.admin}/metrics`,
    '',
    ...notes.map((note) => `  ${note}`),
    '',
    'Create a subscription to the demo receiver, send an event, read its history:',
    '',
    ...firstSteps(endpoints, needsKey).map((line) => `  ${line}`),
    '',
    'Stop with Ctrl-C.',
    '',
  ].join('\n');
}

/** The page at `/`: what is running and where to go. */
export function homePage(endpoints: Endpoints, version: string, needsKey: boolean): string {
  const link = (url: string, label: string, what: string): string =>
    `<li><a href="${escape(url)}">${escape(label)}</a> ${escape(what)}</li>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Milena</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #1c2733; background: #fff; }
h1 { margin-bottom: 0; } p.sub { margin-top: 0; color: #5b6875; }
pre { background: #f3f5f7; padding: .8rem 1rem; overflow-x: auto; border-radius: 6px; font-size: 13px; }
@media (prefers-color-scheme: dark) { body { color: #e4e9ee; background: #14191f; } pre { background: #1f262e; } a { color: #7cb7ff; } p.sub { color: #93a1af; } }
</style>
</head>
<body>
<h1>Milena</h1>
<p class="sub">Version ${escape(version)}. Ingest, subscriptions, delivery and recorder run in this process.</p>
<ul>
${link('/docs', 'API documentation', 'every call, to try out here')}
${link('/openapi.json', 'OpenAPI document', '')}
${link('/ready', 'Readiness', 'each part with its state')}
${link(`${endpoints.admin}/metrics`, 'Metrics', 'for Prometheus')}
${link(endpoints.demo_receiver, 'Demo receiver', 'a target to try; lists what it got')}
</ul>
<p>Create a subscription to the demo receiver, send an event, read its history:</p>
<pre>${firstSteps(endpoints, needsKey).map(escape).join('\n')}</pre>
</body>
</html>
`;
}
