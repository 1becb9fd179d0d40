import type { DeliveryStatus, EventRow } from '@milena/domain';
import type { Page, PageRequest } from './ports.ts';

/** A delivery as derived from what happened. Times in ms since the epoch. */
export interface DeliveryView {
  delivery_id: string;
  event_id: string;
  tenant_id: string;
  subscription_id: string;
  event_type: string | null;
  content_type: string;
  payload_bytes: number;
  accepted_at: number;
  replay_of: string | null;
  /** Where a replay was sent instead; null = to the subscription's own. */
  target_url: string | null;
  status: DeliveryStatus;
  attempts_made: number;
  last_attempt_at: number | null;
  next_attempt_at: number | null;
  /** Why it stands as it does: the last reason known. */
  reason: string;
}

export interface DeliveryFilter {
  subscription_id: string;
  status?: DeliveryStatus;
  event_type?: string;
  since?: number;
  until?: number;
}

export interface EventDeliveryFilter {
  event_id: string;
  tenant_id?: string;
  status?: DeliveryStatus;
  /** Accepted before this time. */
  until?: number;
}

/** Deliveries as the query API needs them. */
export interface DeliveryReader {
  find(deliveryId: string): Promise<DeliveryView | null>;
  /** Newest first. */
  list(filter: DeliveryFilter, page: PageRequest): Promise<Page<DeliveryView>>;
  /** Of one event: one for each subscription that it went to, and every replay of these. Newest first. */
  ofEvent(filter: EventDeliveryFilter, page: PageRequest): Promise<Page<DeliveryView>>;
  /** The event with its bytes. */
  event(deliveryId: string): Promise<EventRow | null>;
}
