/** Makes a subscription and returns its id; `changes`: further fields of it. */
export async function subscribe(
  api: string,
  target: string,
  changes: Record<string, unknown> = {},
): Promise<string> {
  const reply = await fetch(`${api}/api/v1/subscriptions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ target_url: target, max_in_flight: 64, ...changes }),
  });
  if (reply.status !== 201) throw new Error(`no subscription: ${await reply.text()}`);
  return ((await reply.json()) as { id: string }).id;
}

/** What it still has in motion ends as cancelled. */
export async function unsubscribe(api: string, id: string): Promise<void> {
  const reply = await fetch(`${api}/api/v1/subscriptions/${id}`, { method: 'DELETE' });
  if (reply.status !== 204) throw new Error(`not deleted: ${await reply.text()}`);
}
