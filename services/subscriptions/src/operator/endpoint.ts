import type { SsrfGuard } from '@milena/egress';
import { ConfigError } from '@milena/runtime';
import type { OperatorEndpoint } from '@milena/stores';

/**
 * Where operational events go; null = none are made. The same addresses may be reached as by any other target.
 * @throws ConfigError naming the variable
 */
export function operatorEndpointOf(
  config: { OPERATOR_WEBHOOK_URL: string; OPERATOR_WEBHOOK_SECRET: string },
  guard: Pick<SsrfGuard, 'checkUrl'>,
): OperatorEndpoint | null {
  const { OPERATOR_WEBHOOK_URL: target_url, OPERATOR_WEBHOOK_SECRET: secret } = config;
  if (target_url === '') return null;
  const verdict = guard.checkUrl(target_url);
  const problems = [
    ...(verdict.ok ? [] : [`OPERATOR_WEBHOOK_URL=(hidden): ${verdict.reason}`]),
    ...(secret === '' ? ['OPERATOR_WEBHOOK_SECRET is not set: OPERATOR_WEBHOOK_URL needs it'] : []),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return { target_url, secret };
}
