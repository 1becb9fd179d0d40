import { msTime } from '../sql.ts';

/** Selects an ApiKey as the port has it. */
export const API_KEY_COLUMNS = `
  id, name, prefix, scopes, tenant_id, ${msTime('created_at')} AS created_at, ${msTime('expires_at')} AS expires_at`;
