/** An event is looked for by its id for as long as any of its deliveries is held. */
export const heldDeliveriesByEvent = {
  name: '015-held-deliveries-by-event',
  sql: 'CREATE INDEX held_deliveries_of_event ON held_deliveries (event_id) WHERE released_at IS NULL',
};
