// What `npm run audit` prints, for people.

const number = (value) => value.toLocaleString('en');

/** The equation, and the deliveries that don't add up. */
export function describeLedger(base, ledger, subscription) {
  const { in_motion: moving, unaccounted, discrepancies } = ledger;
  const inMotion = moving.queued + moving.retrying + moving.held;
  const rows = [
    ['', 'accepted', ledger.accepted],
    ['=', 'delivered', ledger.delivered],
    ['+', 'filtered', ledger.filtered],
    ['+', 'dead-lettered', ledger.dead_lettered],
    ['+', 'expired', ledger.expired],
    ['+', 'cancelled', ledger.cancelled],
    [
      '+',
      'in motion',
      inMotion,
      `queued ${number(moving.queued)}, retrying ${number(moving.retrying)}, held ${number(moving.held)}`,
    ],
    ...(unaccounted === 0 ? [] : [['+', 'unaccounted for', unaccounted]]),
  ];
  const width = Math.max(...rows.map(([, , count]) => number(count).length));
  const equation = rows.map(([sign, name, count, more = '']) =>
    `  ${sign.padEnd(1)} ${name.padEnd(15)}  ${number(count).padStart(width)}   ${more}`.trimEnd(),
  );
  return [
    `${subscription === undefined ? 'All subscriptions' : `Subscription ${subscription}`} at ${base}`,
    `accepted from ${ledger.since} until ${ledger.until}, as they stood at ${ledger.as_of}`,
    '',
    ...equation,
    '',
    ...(ledger.balanced ? [balanced(ledger)] : wrong(ledger, discrepancies)),
  ].join('\n');
}

function balanced({ accepted }) {
  return accepted === 0
    ? 'Balanced, for nothing was accepted in that time: is it the right time, subscription and Milena?'
    : 'Balanced: every delivery is accounted for.';
}

function wrong({ discrepancy_counts: counts }, discrepancies) {
  const kinds = Object.entries(counts).filter(([, count]) => count > 0);
  const total = kinds.reduce((sum, [, count]) => sum + count, 0);
  const more = total - discrepancies.length;
  return [
    `NOT BALANCED: ${total === 1 ? '1 delivery does' : `${number(total)} deliveries do`} not add up.`,
    '',
    ...kinds.map(([kind, count]) => `  ${kind.padEnd(20)} ${number(count)}`),
    '',
    ...discrepancies.flatMap(({ delivery_id, subscription_id, kind, detail }) => [
      `  ${delivery_id}  ${kind}`,
      `    ${detail} Subscription ${subscription_id}.`,
    ]),
    ...(more > 0
      ? [`  … and ${number(more)} more; --subscription, --since and --until narrow it down.`]
      : []),
    '',
    'What each kind means and what to do: docs/ledger.md',
  ];
}

/** Why it could not be asked, and what to do. */
export function describeFailure(base, { error, status, problem, retryAfter }) {
  if (error !== undefined) {
    const reason = error.name === 'TimeoutError' ? 'no answer came in time' : error.code || error.message;
    return `Milena at ${base} could not be asked: ${reason}.\nIs it running there? MILENA_URL says where its API is.`;
  }
  const fields = (problem?.errors ?? []).map(({ path, message }) => `\n  ${path}: ${message}`).join('');
  const said = `Milena at ${base} answered ${status}${problem?.detail ? `: ${problem.detail}` : ''}${fields}`;
  return `${said}\n${whatToDo(status, problem, retryAfter)}`;
}

function whatToDo(status, problem, retryAfter) {
  if (typeof problem?.type !== 'string' || !problem.type.startsWith('urn:milena:'))
    return 'That is not what Milena answers: MILENA_URL must be the address of its API (the subscriptions service).';
  if (status === 401) return 'Set API_KEY to a key with the scope read.';
  if (status === 403) return 'The key in API_KEY lacks the scope read.';
  if (status === 404) return 'The key in API_KEY knows no such subscription.';
  if (status === 400) return 'Correct the option and ask again; --help lists them.';
  if (problem.type.endsWith(':recorder-behind'))
    return 'Ask again when it has caught up; docs/runbooks/MilenaRecorderBehind.md says why it may not.';
  if (retryAfter !== null) return `Ask again in ${retryAfter} s; if that lasts, see /ready for what is away.`;
  return 'Its log says why; the request id is in the answer.';
}
