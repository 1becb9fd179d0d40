import {
  customHeadersSchema,
  eventTypePatternSchema,
  eventTypeSchema,
  maskCredentials,
  tenantIdSchema,
  validSecrets,
  wantsEventType,
  type LiveSubscription,
} from '@milena/domain';

describe('the type filter', () => {
  it.each([
    [[], 'order.created', true],
    [[], null, true],
    [['*'], null, true],
    [['order.created'], 'order.created', true],
    [['order.created'], 'order.created.late', false],
    [['order.*'], 'order.created', true],
    [['order.*'], 'order.created.late', true],
    [['order.*'], 'order', false],
    [['order.*'], 'orders.created', false],
    [['order.*'], null, false],
    [['invoice.paid', 'order.*'], 'order.created', true],
    [['invoice.paid', 'invoice.*'], 'order.created', false],
  ])('%j wants %s: %s', (patterns, eventType, wanted) => {
    expect(wantsEventType(patterns, eventType)).toBe(wanted);
  });
});

describe('the valid secrets', () => {
  it('are the current one first and those still in their grace period', () => {
    const live = {
      secrets: [
        { value: 'current', expires_at: null },
        { value: 'in grace', expires_at: 1001 },
        { value: 'expired', expires_at: 1000 },
      ],
    } as unknown as LiveSubscription;
    expect(validSecrets(live, 1000)).toEqual(['current', 'in grace']);
  });
});

describe('what a caller may set', () => {
  it.each(['order', 'order.created', 'pull_request', 'a-b.c_d.9'])('takes the event type %s', (type) => {
    expect(eventTypeSchema.safeParse(type).success).toBe(true);
    expect(eventTypePatternSchema.safeParse(`${type}.*`).success).toBe(true);
  });

  it.each(['', '.', 'order.', '.created', 'order..created', 'order created', 'order.*', 'é', 'a\n'])(
    'refuses the event type %j',
    (type) => {
      expect(eventTypeSchema.safeParse(type).success).toBe(false);
    },
  );

  it.each(['*.created', 'order.*.late', 'order*', '**'])('refuses the pattern %s', (pattern) => {
    expect(eventTypePatternSchema.safeParse(pattern).success).toBe(false);
  });

  it.each(['', '-a', 'a b', 'a/b', 'a'.repeat(129), 'a\n'])('refuses the tenant %j', (tenant) => {
    expect(tenantIdSchema.safeParse(tenant).success).toBe(false);
  });

  it.each([
    'Host',
    'content-length',
    'Connection',
    'webhook-id',
    'X-Milena-Attempt',
    'traceparent',
    'a b',
    '',
  ])('refuses the header %j', (name) => {
    expect(customHeadersSchema.safeParse({ [name]: 'x' }).success).toBe(false);
  });

  it.each(['a\r\nb: c', 'a\nb', '€', '\0'])('refuses the header value %j', (value) => {
    expect(customHeadersSchema.safeParse({ 'x-shop': value }).success).toBe(false);
  });

  it('takes 32 headers and no more', () => {
    const headers = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${String(i)}`, 'v']));
    expect(customHeadersSchema.safeParse(headers(32)).success).toBe(true);
    expect(customHeadersSchema.safeParse(headers(33)).success).toBe(false);
  });
});

describe('the headers that are shown', () => {
  const shown = (name: string) => maskCredentials({ [name]: 'value' })[name];

  it.each([
    ...['Authorization', 'x-authorization', 'x-forwarded-authorization', 'x-authorisation', 'authentication'],
    ...['auth', 'X-Auth', 'x-authtoken', 'x-oauth-state', 'x-auth-user', 'accesstoken', 'X_Access_Token'],
    ...['key', 'x-api-key', 'X-ApiKey', 'x-appkey', 'x-key-id', 'x-shop_key', 'x-keys', 'x-apikeyvalue'],
    ...[
      'x-jwt',
      'x-bearer',
      'x-session',
      'x-session-id',
      'x-passphrase',
      'x-password',
      'x-passwd',
      'x-passcode',
    ],
    ...['x-credential', 'x-credentials', 'cookie', 'set-cookie', 'x-signature', 'x-client-secret', 'x-pass'],
    ...['x-pwd', 'x-sig', 'x-hmac-sha256', 'x-amz-security-token'],
  ])('name %s without its value', (name) => {
    expect(shown(name)).toBe('***');
  });

  it.each([
    ...[
      'x-shop',
      'x-author',
      'x-co-authors',
      'x-authority',
      'x-keyword',
      'x-keyboard',
      'accept',
      'x-request-id',
    ],
    ...['x-compass', 'x-bypass-cache', 'x-design', 'x-signal', 'x-passenger', 'from', 'x-environment'],
  ])('have the value of %s', (name) => {
    expect(shown(name)).toBe('value');
  });
});
