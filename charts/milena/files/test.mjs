// `helm test`: sends one event through everything and waits until the history tells of its delivery.
const { API, INGEST, API_KEY, TARGET } = process.env;

async function call(method, url, body) {
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${API_KEY}`,
      ...(body && { 'content-type': 'application/json', 'x-event-type': 'milena.helm-test' }),
    },
    signal: AbortSignal.timeout(15_000),
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${text.slice(0, 300)}`);
  return text === '' ? null : JSON.parse(text);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function delivered(id) {
  let last = 'nothing is told of it';
  for (const deadline = Date.now() + 90_000; Date.now() < deadline; await sleep(500)) {
    try {
      const delivery = await call('GET', `${API}/api/v1/deliveries/${id}`);
      last = `it is ${delivery.status}`;
      if (delivery.status === 'delivered')
        return (await call('GET', `${API}/api/v1/deliveries/${id}/attempts`)).data;
    } catch (error) {
      last = error.message;
    }
  }
  throw new Error(`delivery ${id} was not told as delivered within 90 s: ${last}`);
}

for (const url of [API, INGEST]) {
  const { status } = await call('GET', `${url}/ready`);
  console.log(`${url} is ${status}`);
}
// Without an endpoint to send to, it ends at what can be proved without one.
const subscription = await call('POST', `${API}/api/v1/subscriptions`, {
  target_url: TARGET || 'https://example.com/',
  description: 'made by helm test',
});
try {
  if (TARGET) {
    const { delivery_id } = await call('POST', `${INGEST}/ingest/${subscription.id}`, {
      sent_by: 'helm test',
    });
    console.log(`accepted as delivery ${delivery_id}`);
    const attempts = await delivered(delivery_id);
    if (attempts.at(-1)?.outcome !== 'success') throw new Error(`attempts: ${JSON.stringify(attempts)}`);
    console.log(`delivered and logged: ${attempts.length} attempt(s), HTTP ${attempts.at(-1).http_status}`);
  } else {
    console.log('No event was sent: set demoReceiver.enabled or test.targetUrl.');
  }
} finally {
  await call('DELETE', `${API}/api/v1/subscriptions/${subscription.id}`);
}
console.log('passed');
